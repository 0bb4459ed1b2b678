//! The live page and its files.

use super::answer::{Failure, joined};
use crate::wire::gzip;
use crate::wire::page::{Asset, assets};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Scripts, styles, images and connections from here and from nowhere else, nothing inline; nobody frames the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
);

/// All files of the page.
#[derive(Debug)]
pub struct Page(Vec<Asset>);

impl Page {
    pub fn new() -> Page {
        Page(assets())
    }

    /// One file by its name; the page itself has none. Browsers keep it and ask whether it has changed.
    pub fn answer(&self, name: &str, asked: &HeaderMap) -> Result<Response, Failure> {
        let asset = self.0.iter().find(|asset| asset.name == name).ok_or_else(|| {
            Failure::not_found(format!("The page has no file {name:?}: load / anew, it names the files of this version."))
        })?;
        let tag = HeaderValue::try_from(&asset.tag).map_err(|_| Failure::internal("The tag of a file is no header value."))?;
        let mut headers = HeaderMap::from_iter([
            (header::ETAG, tag),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("Accept-Encoding")),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ]);
        if has_it(&joined(asked, header::IF_NONE_MATCH), &asset.tag) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if !gzip::accepted(&joined(asked, header::ACCEPT_ENCODING)) {
            return Ok((headers, asset.plain).into_response());
        }
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Ok((headers, asset.packed.clone()).into_response())
    }
}

/// Whether an `If-None-Match` names this tag; a proxy that packs may have made it a weak one.
fn has_it(condition: &str, tag: &str) -> bool {
    condition.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_for_its_tag() {
        for (condition, holds) in
            [("", false), ("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("\"b\"", false), ("a", false), ("*", true)]
        {
            assert_eq!(has_it(condition, "\"a\""), holds, "{condition}");
        }
    }
}
