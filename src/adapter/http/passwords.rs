//! Basic authentication against bcrypt hashes.
//!
//! As in exporter-toolkit: one hash is computed at a time, so that guessing cannot take the machine; what was right once is
//! remembered, so that a scrape does not cost a hash; and an unknown user takes as long as a wrong password. Remembered are digests
//! under a key of this process, never passwords.

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

use super::web::Users;

/// Most combinations that are remembered; the oldest is forgotten first.
const REMEMBERED: usize = 100;
/// Compared against where a user is unknown: the hash of a text nobody has.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

type Mark = [u8; 32];

/// Judges passwords, and remembers which were right.
pub struct Passwords {
    key: Mark,
    right: Mutex<VecDeque<Mark>>,
    turn: Arc<Semaphore>,
}

impl Passwords {
    /// # Errors
    /// The system gives no random numbers.
    pub fn new() -> Result<Passwords, String> {
        let mut key = Mark::default();
        ring::default_provider().secure_random.fill(&mut key).map_err(|_| "the system gives no random numbers".to_owned())?;
        Ok(Passwords { key, right: Mutex::default(), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Whether an `Authorization` header names one of these users with the right password. Hashes are computed off the async threads.
    pub async fn admit(&self, users: &Users, header: Option<&HeaderValue>) -> bool {
        let Some((user, password)) = header.and_then(credentials) else { return false };
        let known = users.0.get(&user);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let mark = self.mark(&[user.as_bytes(), hash.as_bytes(), &password]);
        if known.is_some() && self.right().contains(&mark) {
            return true;
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await.expect("the semaphore is never closed");
        // The turn lasts as long as the work, which goes on when whoever asked has hung up.
        let compare = move || {
            let right = bcrypt::verify(password, &hash).unwrap_or(false);
            drop(turn);
            right
        };
        let compared = tokio::task::spawn_blocking(compare).await;
        let right = compared.unwrap_or(false) && known.is_some();
        if right {
            self.remember(mark);
        }
        right
    }

    fn remember(&self, mark: Mark) {
        let mut right = self.right();
        if !right.contains(&mark) {
            right.truncate(REMEMBERED - 1);
            right.push_front(mark);
        }
    }

    fn right(&self) -> MutexGuard<'_, VecDeque<Mark>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, parts: &[&[u8]]) -> Mark {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

/// User and password of `Basic ...`.
fn credentials(header: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((String::from_utf8(decoded[..colon].to_vec()).ok()?, decoded[colon + 1..].to_vec()))
}

/// Whether a text is a hash that passwords can be compared with.
///
/// # Errors
/// A sentence that does not repeat the text.
pub fn check_hash(text: &str) -> Result<(), String> {
    let parts = text.parse::<bcrypt::HashParts>();
    let usable = parts.is_ok_and(|parts| (4..=31).contains(&parts.get_cost()));
    let wrong = "this is no bcrypt hash; make one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`";
    if usable { Ok(()) } else { Err(wrong.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(user: &str, password: &str) -> HeaderValue {
        let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        HeaderValue::from_str(&text).expect("a valid header")
    }

    fn users() -> Users {
        let hash = bcrypt::hash("se:cret", 4).expect("a hash");
        Users([("ada".to_owned(), hash)].into())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_admitted_and_remembered() {
        let (passwords, users) = (Passwords::new().expect("random numbers"), users());
        for (user, password, admitted) in
            [("ada", "se:cret", true), ("ada", "wrong", false), ("bob", "se:cret", false), ("ada", "", false), ("", "", false)]
        {
            for _ in 0..2 {
                assert_eq!(passwords.admit(&users, Some(&header(user, password))).await, admitted, "{user}:{password}");
            }
        }
        assert_eq!(passwords.right().len(), 1, "only what was right is remembered");
        assert!(!passwords.admit(&users, None).await);
        for strange in ["Basic", "Basic !", "Bearer YTpi", "Basic YQ=="] {
            assert!(!passwords.admit(&users, Some(&HeaderValue::from_static(strange))).await, "{strange}");
        }
    }

    #[tokio::test]
    async fn a_remembered_password_ends_with_its_hash_and_its_user() {
        let (passwords, users) = (Passwords::new().expect("random numbers"), users());
        let right = header("ada", "se:cret");
        assert!(passwords.admit(&users, Some(&right)).await);
        let changed = Users([("ada".to_owned(), bcrypt::hash("other", 4).expect("a hash"))].into());
        assert!(!passwords.admit(&changed, Some(&right)).await);
        assert!(!passwords.admit(&Users::default(), Some(&right)).await);
    }

    #[tokio::test]
    async fn the_text_behind_the_hash_of_nobody_opens_nothing() {
        let passwords = Passwords::new().expect("random numbers");
        assert!(bcrypt::verify("fakepassword", NOBODY).is_ok_and(|right| right));
        assert!(!passwords.admit(&users(), Some(&header("nobody", "fakepassword"))).await);
        assert!(passwords.right().is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let passwords = Passwords::new().expect("random numbers");
        (0..1000_u32).for_each(|n| passwords.remember(passwords.mark(&[&n.to_le_bytes()])));
        assert_eq!(passwords.right().len(), REMEMBERED);
        assert!(passwords.right().contains(&passwords.mark(&[&999_u32.to_le_bytes()])));
    }

    #[test]
    fn hashes_are_checked() {
        assert_eq!(check_hash(NOBODY), Ok(()));
        for wrong in ["", "plain", "$2y$10$short", "$1$abc$def", "$2y$99$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"] {
            assert!(check_hash(wrong).is_err(), "{wrong}");
        }
    }
}
