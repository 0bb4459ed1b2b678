//! The live page: its files, embedded in the binary, with what HTTP has to say about them.
//!
//! Plain HTML, CSS and ES modules, served as they are written: nothing is built, nothing is fetched from anywhere else. An entity
//! tag is the digest of the bytes, so a browser keeps a file until the program has another.

use super::gzip;
use twox_hash::XxHash3_128;

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Below the page's folder; empty for the page itself.
    pub name: &'static str,
    pub content_type: &'static str,
    pub plain: &'static [u8],
    pub packed: Vec<u8>,
    /// A strong entity tag, quotes included.
    pub tag: String,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Name, content type and bytes of every file.
const FILES: [(&str, &str, &[u8]); 16] = [
    ("", HTML, include_bytes!("page.html")),
    ("style.css", STYLE, include_bytes!("style.css")),
    ("icon.svg", IMAGE, include_bytes!("icon.svg")),
    ("app.js", SCRIPT, include_bytes!("app.js")),
    ("alerts.js", SCRIPT, include_bytes!("alerts.js")),
    ("bridge.js", SCRIPT, include_bytes!("bridge.js")),
    ("connection.js", SCRIPT, include_bytes!("connection.js")),
    ("dom.js", SCRIPT, include_bytes!("dom.js")),
    ("format.js", SCRIPT, include_bytes!("format.js")),
    ("gauges.js", SCRIPT, include_bytes!("gauges.js")),
    ("history.js", SCRIPT, include_bytes!("history.js")),
    ("motions.js", SCRIPT, include_bytes!("motions.js")),
    ("movers.js", SCRIPT, include_bytes!("movers.js")),
    ("segments.js", SCRIPT, include_bytes!("segments.js")),
    ("source.js", SCRIPT, include_bytes!("source.js")),
    ("standing.js", SCRIPT, include_bytes!("standing.js")),
];

/// All files, packed and tagged; made once, when the server starts.
pub fn assets() -> Vec<Asset> {
    let asset = |(name, content_type, plain): &(&'static str, &'static str, &'static [u8])| Asset {
        name,
        content_type,
        plain,
        packed: gzip::compress(plain),
        tag: format!("\"{:032x}\"", XxHash3_128::oneshot(plain)),
    };
    FILES.iter().map(asset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_tags_and_a_bearable_size() {
        let assets = assets();
        let distinct = |of: fn(&Asset) -> &str| assets.iter().map(of).collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!((distinct(|asset| asset.name), distinct(|asset| &asset.tag)), (FILES.len(), FILES.len()));
        let plain: usize = assets.iter().map(|asset| asset.plain.len()).sum();
        assert!(plain < 150_000, "{plain} bytes, before the report's 150 kB");
        assert!(assets.iter().all(|asset| asset.packed.len() < asset.plain.len()));
    }

    #[test]
    fn the_page_holds_no_script_and_no_style_of_its_own() {
        let page = std::str::from_utf8(FILES[0].2).expect("UTF-8").to_ascii_lowercase();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("javascript:"));
        assert!(page.split("<script").skip(1).all(|script| script.contains(" src=\"page/") && script.contains("></script>")));
        assert!(!page.contains("http://") && !page.contains("https://"), "everything comes from here");
    }
}
