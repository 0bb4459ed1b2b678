//! Questions to a running Upswell: one GET, bounded in time and size.

use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_READ: u64 = 64 << 20;

/// The body of a successful answer.
///
/// # Errors
/// No answer, or another status than 200, as a sentence.
pub fn get(url: &str) -> Result<String, String> {
    // The service is near: a proxy of the environment is meant for what is far.
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
    let no_answer = |error: ureq::Error| format!("no answer ({error}); is the service running, and is this its address?");
    let mut response = config.build().new_agent().get(url).call().map_err(no_answer)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MOST_READ).read_to_string().map_err(no_answer)?;
    if status == 200 { Ok(body) } else { Err(format!("the answer is {status}; is this the address of an Upswell?")) }
}
