//! What is sent by other sites' pages, and what is too large; and the headers of every answer.

use crate::site::{Choices, Site, files};

fn site() -> Site {
    Site::start(files(), None, &Choices { http: "external_url: \"https://upswell.example.com\"", ..Choices::default() })
}

#[test]
fn another_sites_page_cannot_reload() {
    let site = site();
    let own = format!("Origin: http://127.0.0.1:{}", site.port());
    for (headers, status) in [
        (vec![], 200),
        (vec![own.as_str()], 200),
        (vec!["Origin: https://upswell.example.com"], 200),
        (vec!["Sec-Fetch-Site: same-origin"], 200),
        (vec!["Origin: https://evil.example.com"], 403),
        (vec!["Origin: null"], 403),
        (vec!["Sec-Fetch-Site: cross-site"], 403),
        (vec!["Sec-Fetch-Site: same-site", own.as_str()], 403),
    ] {
        let before = site.reloads();
        let arguments: Vec<&str> = ["-X", "POST"].into_iter().chain(headers.iter().flat_map(|header| ["-H", *header])).collect();
        let answer = site.plain("/-/reload", &arguments);
        assert_eq!(answer.status(), status, "{headers:?}: {answer:?}");
        assert_eq!(site.reloads() - before, usize::from(status == 200), "{headers:?}");
    }
    assert_eq!(site.plain("/metrics", &["-H", "Sec-Fetch-Site: cross-site"]).status(), 200, "reading changes nothing");
}

#[test]
fn a_body_that_is_too_large_is_refused_unread() {
    let site = site();
    std::fs::write(site.files.path().join("large"), vec![b'x'; 65_537]).expect("a file");
    let sentence = site.plain("/-/reload", &["--data-binary", "@large"]).refusal(413);
    assert!(sentence.contains("65536 bytes"), "{sentence}");
    assert_eq!(site.reloads(), 0);
    assert_eq!(site.plain("/-/reload", &["--data-binary", "x"]).status(), 200);
}

#[test]
fn every_answer_says_how_browsers_are_to_treat_it() {
    let site = site();
    for (path, arguments) in [
        ("/", vec![]),
        ("/metrics", vec![]),
        ("/-/ready", vec![]),
        ("/api/v1/report", vec![]),
        ("/nothing/here", vec![]),
        ("/-/reload", vec!["-X", "POST", "-H", "Origin: null"]),
        ("/metrics", vec!["-X", "DELETE"]),
    ] {
        let head = site.plain(path, &arguments).head;
        // The page is the same for everybody, so a browser may keep it and ask whether it has changed; figures are kept by nobody.
        let kept = if path == "/" { "cache-control: no-cache" } else { "cache-control: no-store" };
        for line in [
            kept,
            "content-security-policy: default-src 'self'; ",
            "frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
        ] {
            assert!(head.contains(line), "{path}: {line}\n{head}");
        }
        assert!(!head.contains("strict-transport-security"), "{head}");
    }
}
