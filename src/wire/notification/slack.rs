//! Slack's incoming webhooks: the body of a post.
//!
//! One message with an attachment for each alert, in the colour of its severity and green once it has ended. Slack reads `&`, `<` and
//! `>` as markup, which can address whole channels; texts of alerts are escaped, so they never do.

use super::{Notice, Status, cut};
use serde_json::{Value, json};

/// Longest text of an attachment, in characters, before escaping.
const MOST_TEXT: usize = 3_000;
const MOST_TITLE: usize = 300;
/// Most attachments of one message: more are not shown well.
pub const MOST_ALERTS: usize = 10;

/// The message about these alerts.
pub fn message(notices: &[Notice]) -> String {
    json!({ "attachments": notices.iter().map(attachment).collect::<Vec<_>>() }).to_string()
}

fn attachment(notice: &Notice) -> Value {
    let status = notice.status().as_str().to_uppercase();
    let title = escaped(&cut(&format!("[{status}] {}", notice.headline()), MOST_TITLE));
    let mut attachment = json!({
        "color": color(notice),
        "fallback": title,
        "title": title,
        "text": text(notice),
        "footer": "Upswell",
        "ts": notice.ends_at.unwrap_or(notice.starts_at).0.div_euclid(1000),
    });
    if !notice.generator_url.is_empty() {
        attachment["title_link"] = json!(notice.generator_url);
    }
    attachment
}

fn color(notice: &Notice) -> &'static str {
    match (notice.status(), notice.severity()) {
        (Status::Resolved, _) => "good",
        (_, Some("warning")) => "warning",
        (_, Some("info")) => "#439FE0",
        _ => "danger",
    }
}

/// The description, and the links that the alert names.
fn text(notice: &Notice) -> String {
    let annotation = |name: &str| notice.annotations.get(name).filter(|text| !text.is_empty());
    let description = annotation("description").map(|text| escaped(&cut(text, MOST_TEXT)));
    let link = |(name, shown): (&str, &str)| {
        let url = annotation(name).filter(|url| url.starts_with("http://") || url.starts_with("https://"))?;
        Some(format!("<{}|{shown}>", escaped(&url.replace('|', "%7C"))))
    };
    let links: Vec<_> = [("runbook_url", "Runbook"), ("dashboard_url", "Dashboard")].into_iter().filter_map(link).collect();
    let links = (!links.is_empty()).then(|| links.join(" · "));
    description.into_iter().chain(links).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
