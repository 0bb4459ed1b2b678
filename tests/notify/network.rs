//! What the network does: nobody answers, too late, half; TLS with an authority of one's own, certificates of clients, proxies.

use crate::fixture::{NOW, client, figures, notice, receiver, telemetry};
use crate::proxy::Proxy;
use std::net::TcpListener;
use std::time::Duration;
use upswell::adapter::notify::{Client, Failure, Receiver, To};
use upswell_testkit::{Identity, Inbox, Reply};

fn hook(inbox: &Inbox) -> Receiver {
    receiver(To::Webhook(format!("{}/hook", inbox.url())))
}

/// The failure of a call; every one of the network's may pass.
fn failure(receiver: Receiver) -> Failure {
    let (client, counts) = client(receiver);
    let failure = client.deliver(&[notice("A")], NOW).expect_err("no success");
    assert!(failure.transient, "{failure:?}");
    assert_eq!(figures(&counts), [1, 1, 0, 1]);
    failure
}

#[test]
fn no_answer_a_late_one_and_half_of_one_may_pass() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let refused = failure(receiver(To::Webhook(format!("http://{closed}/"))));
    assert!(refused.sentence.contains("does not answer"), "{refused:?}");
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(200));
    let late = failure(Receiver { timeout: Duration::from_millis(200), ..hook(&inbox) });
    assert!(late.sentence.contains("timeout"), "{late:?}");
    inbox.reply(Reply::Cut);
    failure(hook(&inbox));
    failure(receiver(To::Webhook("http://upswell.invalid/".to_owned())));
}

#[test]
fn a_slow_answer_is_an_answer() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(200));
    let (client, _) = client(hook(&inbox));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.deliver(&[notice("A")], NOW));
        inbox.wait(1);
        inbox.let_go();
        call.join().expect("no panic").expect("taken");
    });
}

#[test]
fn only_the_authority_that_was_given_is_trusted() {
    let (identity, other) = (Identity::new(), Identity::new());
    let inbox = Inbox::behind_tls(&identity, false);
    let with_ca = |ca: Option<&Identity>| Receiver { ca: ca.map(|identity| identity.authority.clone()), ..hook(&inbox) };
    let (trusting, _) = client(with_ca(Some(&identity)));
    trusting.deliver(&[notice("A")], NOW).expect("taken");
    for ca in [None, Some(&other)] {
        let failure = failure(with_ca(ca));
        assert!(failure.sentence.to_lowercase().contains("certificate"), "{failure:?}");
    }
    assert_eq!(inbox.requests().len(), 1);
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_ours() {
    let identity = Identity::new();
    let inbox = Inbox::behind_tls(&identity, true);
    let bare = Receiver { ca: Some(identity.authority.clone()), ..hook(&inbox) };
    let (cert, key) = (Some(identity.certificate.clone()), Some(identity.key.clone()));
    let (known, _) = client(Receiver { cert, key, ..bare.clone() });
    known.deliver(&[notice("A")], NOW).expect("taken");
    failure(bare);
    assert_eq!(inbox.requests().len(), 1);
}

#[test]
fn settings_that_cannot_be_used_are_found_before_a_call() {
    let identity = Identity::new();
    let rubbish = || Some("-----BEGIN rubbish".to_owned());
    let place = || receiver(To::Webhook("http://h/".to_owned()));
    for (receiver, part) in [
        (Receiver { ca: rubbish(), ..place() }, "tls.ca"),
        (Receiver { cert: rubbish(), key: Some(identity.key.clone()), ..place() }, "tls.cert"),
        (Receiver { cert: Some(identity.certificate.clone()), key: rubbish(), ..place() }, "tls.key"),
        (Receiver { proxy: Some("http://".to_owned()), ..place() }, "proxy"),
        (receiver(To::Webhook("h".to_owned())), "url"),
    ] {
        let unusable = Client::new(receiver, &telemetry()).err().expect("settings that cannot be used").to_string();
        assert!(unusable.starts_with("receiver oncall: ") && unusable.contains(part), "{unusable}");
    }
}

#[test]
fn a_proxy_is_asked_to_connect_and_sees_nothing_of_tls() {
    let (identity, proxy) = (Identity::new(), Proxy::open());
    for inbox in [Inbox::open(), Inbox::behind_tls(&identity, false)] {
        let receiver = Receiver { ca: Some(identity.authority.clone()), proxy: Some(proxy.url()), ..hook(&inbox) };
        let (client, _) = client(receiver);
        client.deliver(&[notice("A")], NOW).expect("taken");
        assert_eq!(inbox.requests().len(), 1);
        let asked = proxy.asked().last().cloned();
        assert_eq!(asked.map(|asked| format!("http://{asked}")), Some(inbox.url().replace("https:", "http:")));
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    failure(Receiver { proxy: Some(format!("http://{closed}")), ..receiver(To::Webhook("http://localhost:9/".to_owned())) });
}
