//! Customer data is for those who say who they are, or who sit at the machine.

use crate::site::{Choices, HASH, Site, USER, files};

const PATHS: [&str; 3] = ["/api/v1/customers", "/api/v1/customers/acme", "/api/v1/customers?window=last_month"];

fn everywhere(web: Option<&str>, http: &str) -> Site {
    Site::start(files(), web, &Choices { listen: "0.0.0.0:0", http })
}

/// Whether the guard refuses a path; behind it any answer will do.
fn is_refused(site: &Site, path: &str, arguments: &[&str]) -> bool {
    let answer = site.plain(path, arguments);
    answer.status() == 403 && answer.refusal(403).starts_with("Customer data is not given")
}

#[test]
fn strangers_do_not_see_customers() {
    let site = everywhere(None, "");
    for path in PATHS {
        assert!(is_refused(&site, path, &[]), "{path}");
        let sentence = site.plain(path, &[]).refusal(403);
        for key in ["http.web_config", "http.listen", "http.customer_data_without_auth"] {
            assert!(sentence.contains(key), "{sentence}");
        }
    }
    assert_eq!(site.plain("/metrics", &[]).status(), 200, "figures hold no customer");
}

#[test]
fn customers_are_seen_on_loopback_with_auth_or_when_told_so() {
    let told = everywhere(None, "customer_data_without_auth: true");
    let local = Site::start(files(), None, &Choices::default());
    let users = format!("basic_auth_users: {{ ada: {HASH} }}\n");
    let with_auth = everywhere(Some(&users), "");
    for path in PATHS {
        assert!(!is_refused(&told, path, &[]) && !is_refused(&local, path, &[]), "{path}");
        assert!(!is_refused(&with_auth, path, &["-u", USER]), "{path}");
        assert_eq!(with_auth.plain(path, &[]).status(), 401);
    }
}

#[test]
fn a_file_that_loses_its_users_gives_customers_to_nobody_else() {
    let site = everywhere(Some(&format!("basic_auth_users: {{ ada: {HASH} }}\n")), "");
    assert!(!is_refused(&site, PATHS[0], &["-u", USER]));
    site.rewrite("basic_auth_users: {}\n");
    upswell_testkit::wait::holds("the fault is told of", || site.telemetry.configuration_is_current() == Some(false));
    assert_eq!(site.plain(PATHS[0], &[]).status(), 401);
    assert!(!is_refused(&site, PATHS[0], &["-u", USER]));
}

#[test]
fn a_page_whose_name_was_made_to_point_here_sees_no_customers() {
    let choices = Choices { http: "external_url: \"https://upswell.example.com\"", ..Choices::default() };
    let site = Site::start(files(), None, &choices);
    let named = |host: &'static str| ["-H", host];
    assert!(is_refused(&site, PATHS[0], &named("Host: evil.example.com")));
    for host in ["Host: localhost:1", "Host: 127.0.0.1", "Host: upswell.example.com"] {
        assert!(!is_refused(&site, PATHS[0], &named(host)), "{host}");
    }
}
