//! Which of the two text formats a scraper is given.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4: the one everything can read.
    Text,
    /// OpenMetrics text format 1.0.0.
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format an `Accept` header prefers. OpenMetrics only if it is named, and not below the text format in quality; a
    /// header that allows neither gets the text format, because a scrape that fails helps nobody.
    pub fn accepted(header: &str) -> Format {
        let (mut open_metrics, mut text) = (0.0f64, 0.0f64);
        for range in header.split(',') {
            let (media, version, quality) = media_range(range);
            match (media.as_str(), version) {
                ("application/openmetrics-text", None | Some("1.0.0")) => open_metrics = open_metrics.max(quality),
                ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Format::OpenMetrics } else { Format::Text }
    }
}

/// Media type in lower case, its `version` parameter and its quality: 1 where none is given, 0 where it cannot be read.
fn media_range(range: &str) -> (String, Option<&str>, f64) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut version, mut quality) = (None, 1.0);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim().to_ascii_lowercase().as_str() {
            "version" => version = Some(value.trim().trim_matches('"')),
            "q" => quality = value.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(0.0),
            _ => {}
        }
    }
    (media, version, quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapers_get_what_they_prefer() {
        for (header, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0.3,text/plain;q=0.7", Format::Text),
            ("application/openmetrics-text;q=much,text/plain", Format::Text),
            ("application/openmetrics-text,text/plain", Format::OpenMetrics),
            // Prometheus 2.42
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 3
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,/;q=0.1",
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(Format::accepted(header), format, "{header}");
        }
    }
}
