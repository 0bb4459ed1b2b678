//! What a shard keeps beside its numbers: memory, floor, currencies, images, audits. The numbers are judged in `tests/exactness`.

use super::*;
use crate::domain::currency::{ExchangeRates, RateTable};
use crate::domain::facts::{ItemFact, Status};
use crate::domain::window::{Period, Window};
use crate::engine::cells::Cells;
use crate::engine::image::{Chunk, Head, Scope, Step};
use crate::engine::report::Report;
use crate::engine::restoring::{Mismatch, Restoring};
use std::cell::RefCell;

const DAY: i64 = 86_400_000;
const AS_OF: Instant = Instant(20_345 * DAY + DAY / 2);

fn usd() -> Currency {
    Currency::parse("USD").expect("a code")
}

fn plan() -> Arc<Plan> {
    let euro = RateTable { from: Day(0), rates: [(Currency::parse("EUR").expect("a code"), 2_000_000)].into() };
    Arc::new(Plan {
        zone: Zone::named("UTC").expect("a zone"),
        rates: ExchangeRates::new(usd(), vec![euro]),
        windows: vec![Window::Trailing(30)],
        dimensions: vec!["plan".into()],
        max_values: 10,
        history: 0,
    })
}

fn shard() -> Shard {
    Shard::new(plan(), Memory::Window { millis: DAY }, (1, 2))
}

fn state(event_id: &str, at: i64, items: usize) -> SubscriptionFact<'_> {
    let item = ItemFact { item_id: "i", product_id: "p", plan_id: "l", quantity: 1, mrr: 1_000_000 };
    SubscriptionFact {
        event_id,
        customer_id: "c",
        subscription_id: "s",
        effective_at: Instant(at),
        version: 0,
        status: Status::Active,
        currency: Some(usd()),
        items: vec![item; items],
        attributes: vec![],
    }
}

fn usage(event_id: &str, at: i64) -> UsageFact<'_> {
    UsageFact { event_id, customer_id: "c", used_at: Instant(at), amount: 5, currency: usd() }
}

#[test]
fn memory_is_tracked_as_facts_come_and_go() {
    let mut shard = shard();
    let empty = shard.tracked_bytes();
    assert_eq!(shard.apply_subscription(&state("a", AS_OF.0 - DAY, 3)), Applied { new_customer: true });
    let with_items = shard.tracked_bytes();
    assert!(with_items > empty);
    assert_eq!(shard.apply_subscription(&state("b", AS_OF.0 - DAY, 1)), Applied { new_customer: false });
    assert!(shard.tracked_bytes() < with_items, "the greater event superseded one with more items");
    let superseding = shard.tracked_bytes();
    shard.apply_subscription(&state("a", AS_OF.0 - DAY, 3));
    assert_eq!(shard.tracked_bytes(), superseding, "a superseded state is not kept");
    shard.apply_usage(&usage("u", AS_OF.0 - DAY), None);
    assert!(shard.tracked_bytes() > superseding);
}

#[test]
fn usage_that_no_view_can_need_is_forgotten_once_wall_clock_and_records_have_passed_it() {
    let mut shard = shard();
    shard.go_live(AS_OF);
    shard.observe_clock(AS_OF);
    shard.apply_usage(&usage("old", AS_OF.0 - 100 * DAY), Some(AS_OF));
    let days = |shard: &Shard| {
        let mut days = Vec::new();
        shard.accounts.each(|_, account| days.extend(account.usage().bins().map(|bin| bin.day.0)));
        days
    };
    let today = 20_345;
    assert_eq!(days(&shard), [today - 100]);
    let later = Instant(AS_OF.0 + 30 * DAY);
    shard.advance(later);
    assert_eq!(days(&shard), [today - 100], "neither the clock nor a record has come so far");
    shard.observe_clock(Instant(later.0 + DAY));
    shard.apply_usage(&usage("new", AS_OF.0), Some(later));
    shard.advance(Instant(later.0 + DAY));
    assert_eq!(days(&shard), [today], "the old day went, the new one came");
    assert!(shard.floor > Zone::FIRST);
    shard.apply_usage(&usage("older", AS_OF.0 - 200 * DAY), Some(later));
    assert_eq!(days(&shard), [today], "late usage of a forgotten day moves first revenue only");
    let mut first = None;
    shard.accounts.each(|_, account| first = account.first_revenue());
    assert_eq!(first, Some(Instant(AS_OF.0 - 200 * DAY)));
    assert_eq!(shard.audit(), Ok(()));
}

thread_local! {
    /// Accounts of the images of a test; their form is their number here.
    static ENCODED: RefCell<Vec<(String, Account)>> = const { RefCell::new(Vec::new()) };
}

fn encode(customer_id: &str, account: &Account, bytes: &mut Vec<u8>) {
    ENCODED.with_borrow_mut(|encoded| encoded.push((customer_id.to_owned(), account.clone())));
    bytes.push(0);
}

/// The whole image that begins now, with the accounts in it.
fn image(shard: &mut Shard, scope: Scope) -> (Head, Vec<Chunk>, Vec<(String, Account)>) {
    ENCODED.take();
    let head = shard.freeze(scope, encode).expect("no image is being taken");
    (head, rest(shard), ENCODED.take())
}

fn rest(shard: &mut Shard) -> Vec<Chunk> {
    let step = |shard: &mut Shard| match shard.capture(usize::MAX) {
        Step::Chunk(chunk) => Some(Some(chunk)),
        Step::Working => Some(None),
        Step::Done => None,
    };
    std::iter::from_fn(|| step(shard)).flatten().collect()
}

fn restored(head: &Head, chunks: &[Chunk], accounts: &[(String, Account)]) -> Result<Shard, Mismatch> {
    let restoring = Restoring::new(plan(), Memory::Window { millis: DAY }, head);
    for chunk in chunks {
        match chunk {
            Chunk::Texts { first, texts } => restoring.texts(*first, texts.clone()),
            Chunk::Ids { until, ids } => restoring.ids(*until, ids),
            Chunk::Accounts { .. } => {}
        }
    }
    accounts.iter().try_for_each(|(customer_id, account)| restoring.account(customer_id, account.clone()))?;
    restoring.finish()
}

fn of<'a>(customer_id: &'a str, fact: SubscriptionFact<'a>) -> SubscriptionFact<'a> {
    SubscriptionFact { customer_id, ..fact }
}

/// A shard with facts of two customers in two currencies, one of them superseded, and usage.
fn two_currencies() -> Shard {
    let mut shard = shard();
    let eur = Currency::parse("EUR").expect("a code");
    shard.apply_subscription(&SubscriptionFact { currency: Some(eur), ..state("a", AS_OF.0 - 3 * DAY, 2) });
    shard.apply_subscription(&state("b", AS_OF.0 - 3 * DAY, 1));
    shard.apply_subscription(&of("d", state("c", AS_OF.0 - DAY, 3)));
    shard.apply_usage(&usage("u", AS_OF.0 - 2 * DAY), Some(AS_OF));
    shard
}

#[test]
fn nothing_is_forgotten_while_an_image_is_taken() {
    let mut shard = shard();
    shard.go_live(AS_OF);
    shard.observe_clock(Instant(AS_OF.0 + 60 * DAY));
    shard.apply_usage(&usage("old", AS_OF.0 - 100 * DAY), Some(Instant(AS_OF.0 + 60 * DAY)));
    let head = shard.freeze(Scope::Base, encode).expect("the first image");
    shard.advance(Instant(AS_OF.0 + 30 * DAY));
    assert_eq!((head.floor, head.floor_at), (shard.floor, shard.floor_at));
    rest(&mut shard);
    shard.advance(Instant(AS_OF.0 + 31 * DAY));
    assert!(shard.floor > head.floor);
    assert_eq!(shard.earliest_view(), Instant(AS_OF.0 + 31 * DAY));
    assert_eq!(shard.held_bytes, 0);
}

#[test]
fn a_plan_is_served_whose_usage_days_are_kept_from_the_earliest_view_on() {
    let mut shard = shard();
    let wider = Plan { windows: vec![Window::Trailing(31)], ..Plan::clone(&plan()) };
    let narrower = Plan { windows: vec![Window::Trailing(29)], ..wider.clone() };
    shard.observe_clock(AS_OF);
    shard.apply_usage(&usage("old", AS_OF.0 - 100 * DAY), Some(AS_OF));
    shard.go_live(Instant(AS_OF.0 - DAY));
    assert!(shard.can_serve(&wider));
    shard.advance(AS_OF);
    assert_eq!((shard.can_serve(&wider), shard.can_serve(&plan()), shard.can_serve(&narrower)), (false, true, true));
    let (head, chunks, accounts) = image(&mut shard, Scope::Base);
    let shard = restored(&head, &chunks, &accounts).expect("a whole image");
    assert_eq!((shard.can_serve(&wider), shard.can_serve(&plan()), shard.can_serve(&narrower)), (false, true, true));
    assert_eq!(shard.earliest_view(), AS_OF);
}

#[test]
fn a_restored_shard_knows_what_it_holds() {
    let mut shard = two_currencies();
    let dollars = Plan { rates: ExchangeRates::new(usd(), vec![]), ..Plan::clone(&plan()) };
    assert_eq!(shard.unserved_currency(&dollars), Currency::parse("EUR"), "a superset while it runs");
    let (head, chunks, accounts) = image(&mut shard, Scope::Base);
    let mut again = restored(&head, &chunks, &accounts).expect("a whole image");
    assert_eq!(again.unserved_currency(&dollars), None, "exact after a restart");
    assert_eq!((again.held_bytes, again.accounts()), (shard.held_bytes, 2));
    let euros = Plan { rates: ExchangeRates::new(Currency::parse("EUR").expect("a code"), vec![]), ..dollars };
    assert_eq!(again.unserved_currency(&euros), Some(usd()));
    assert_eq!(again.apply_usage(&usage("u", AS_OF.0), Some(AS_OF)), UsageVerdict::Duplicate);
    assert_eq!(image(&mut again, Scope::Delta).2, [], "nothing has changed since the image");
}

#[test]
fn a_restored_shard_knows_todays_usage_once_it_has_passed_what_was_counted() {
    let today = |shard: &Shard| {
        let totals = shard.totals().expect("it is live");
        Report::of(&plan(), totals.as_of, &[totals]).usage_today
    };
    let mut ahead = shard();
    ahead.go_live(Instant(AS_OF.0 + 2 * DAY));
    for (event_id, at) in [("a", AS_OF.0 - 2), ("b", AS_OF.0 + 10), ("c", AS_OF.0 + DAY), ("d", AS_OF.0 + DAY + 20)] {
        ahead.apply_usage(&usage(event_id, at), None);
    }
    let (head, chunks, accounts) = image(&mut ahead, Scope::Base);
    assert_eq!((head.ahead.len(), head.passed), (0, Instant(AS_OF.0 + DAY + 21)));
    let mut again = restored(&head, &chunks, &accounts).expect("a whole image");
    again.go_live(AS_OF);
    assert_eq!(today(&again), None, "it cannot tell that b lies ahead");
    again.advance(Instant(AS_OF.0 + DAY));
    assert_eq!(today(&again), None);
    assert_eq!(image(&mut again, Scope::Base).0.passed, head.passed, "its image knows no more");
    again.advance(head.passed);
    assert_eq!(today(&again), Some(10), "c and d, which were counted before this view began");
}

#[test]
fn an_image_that_is_not_whole_is_no_shard() {
    let mut shard = two_currencies();
    let (head, chunks, accounts) = image(&mut shard, Scope::Base);
    assert!(restored(&head, &chunks, &accounts).is_ok());
    assert_eq!(restored(&head, &chunks, &accounts[1..]).map(drop), Err(Mismatch::Accounts { expected: 2, found: 1 }));
    let without = |kind: fn(&Chunk) -> bool| chunks.iter().filter(|chunk| !kind(chunk)).cloned().collect::<Vec<_>>();
    let textless = without(|chunk| matches!(chunk, Chunk::Texts { .. }));
    assert_eq!(restored(&head, &textless, &accounts).map(drop), Err(Mismatch::Texts { expected: head.texts, found: 0 }));
    let (until, expected) = head.generations[0];
    let forgetful = without(|chunk| matches!(chunk, Chunk::Ids { .. }));
    assert_eq!(restored(&head, &forgetful, &accounts).map(drop), Err(Mismatch::Ids { until, expected, found: 0 }));
    let fewer = Head { texts: 1, ..head.clone() };
    assert!(matches!(restored(&fewer, &chunks, &accounts).map(drop), Err(Mismatch::Symbol { texts: 1, .. })));
    let late = [Chunk::Texts { first: 1, texts: vec!["x".into()] }];
    assert_eq!(restored(&head, &late, &[]).map(drop), Err(Mismatch::TextOrder { first: 1, before: 0 }));
    let disordered = Head { generations: vec![(until, expected); 2], ..head };
    assert_eq!(restored(&disordered, &chunks, &accounts).map(drop), Err(Mismatch::Generations));
}

#[test]
fn a_delta_follows_an_image_and_is_not_taken_of_almost_everything() {
    let mut shard = shard();
    let change = |shard: &mut Shard, customers: usize, at: i64| {
        for customer in 0..customers {
            shard.apply_subscription(&of(&customer.to_string(), state("e", at, 1)));
        }
    };
    change(&mut shard, 5000, AS_OF.0 - DAY);
    assert!(shard.needs_base() && shard.freeze(Scope::Delta, encode).is_none());
    assert_eq!(image(&mut shard, Scope::Base).2.len(), 5000);
    change(&mut shard, 2500, AS_OF.0);
    assert!(!shard.needs_base());
    let (head, _, accounts) = image(&mut shard, Scope::Delta);
    assert_eq!((head.accounts, accounts.len()), (5000, 2500));
    change(&mut shard, 2501, AS_OF.0 + 1);
    assert!(shard.needs_base());
    assert!(shard.freeze(Scope::Base, encode).is_some() && shard.is_capturing());
    assert!(shard.freeze(Scope::Base, encode).is_none(), "one image at a time");
    rest(&mut shard);
    assert!(!shard.is_capturing() && !shard.needs_base());
}

#[test]
fn an_audit_finds_a_total_that_is_wrong() {
    let mut shard = two_currencies();
    assert_eq!(shard.audit_step(1, 1), AuditStep::Clean, "without a view there is nothing to audit");
    shard.go_live(AS_OF);
    let through =
        |shard: &mut Shard| std::iter::repeat_with(|| shard.audit_step(100, 1)).find(|step| *step != AuditStep::Working);
    assert_eq!(through(&mut shard), Some(AuditStep::Clean));
    let plant = |shard: &mut Shard, spoil: fn(&mut Totals)| shard.view.iter_mut().for_each(|view| spoil(&mut view.totals));
    plant(&mut shard, |totals| totals.mrr += 1);
    let Some(AuditStep::Violated(sentence)) = through(&mut shard) else {
        unreachable!("the audit has been through");
    };
    assert_eq!(sentence, "recurring revenue is 4000023, recomputed 4000022");
    assert_eq!(shard.audit(), Err(sentence));
    plant(&mut shard, |totals| totals.mrr -= 1);
    plant(&mut shard, |totals| totals.windows[0].total.customers.new += 1);
    assert!(matches!(through(&mut shard), Some(AuditStep::Violated(_))));
    plant(&mut shard, |totals| totals.windows[0].total.customers.new -= 1);
    plant(&mut shard, |totals| totals.windows[0].segments[0] = Cells::default());
    assert!(matches!(through(&mut shard), Some(AuditStep::Violated(_))));
}

#[test]
fn usage_that_is_not_kept_any_more_changes_nothing_while_its_view_moves_on() {
    // A quarter begins: its opening edge, and with it the first day that matters, moves by three months at once.
    let plan = Arc::new(Plan { windows: vec![Window::ToDate(Period::Quarter)], ..Arc::unwrap_or_clone(plan()) });
    let mut shard = Shard::new(plan, Memory::Window { millis: DAY }, (1, 2));
    let quarter = 20_362;
    let at = |day: i64| Instant(day * DAY + DAY / 2);
    let late = quarter - 92 - 10;
    shard.go_live(at(quarter - 1));
    for (event_id, day) in [("opening", late), ("closing", quarter - 5)] {
        shard.apply_usage(&UsageFact { amount: 7_000_000, ..usage(event_id, at(day).0) }, Some(at(quarter)));
    }
    shard.observe_clock(at(quarter));
    shard.apply_usage(&usage("newest", at(quarter).0), Some(at(quarter)));
    shard.begin_move(at(quarter));
    assert!(shard.floor > Day(late as i32) && shard.has_moved("c") == Some(false));
    shard.apply_usage(&UsageFact { amount: 9_000_000, ..usage("late", at(late).0) }, Some(at(quarter)));
    while shard.move_on(1) {}
    assert_eq!(shard.audit(), Ok(()));
}

#[test]
fn changes_of_usage_and_of_what_counts_leave_exact_totals() {
    let mut shard = shard();
    shard.go_live(AS_OF);
    let with = |event_id, days, status| SubscriptionFact { status, ..state(event_id, AS_OF.0 - days * DAY, 1) };
    shard.apply_subscription(&with("a", 200, Status::Active));
    // At both edges of the window usage of the 28 days before; more of it on the same days; then all is cut off, and comes back.
    for (number, days) in [5, 40, 5, 40, 70].into_iter().enumerate() {
        let event_id = format!("u{number}");
        shard.apply_usage(&UsageFact { amount: 9_000_000, ..usage(&event_id, AS_OF.0 - days * DAY) }, None);
        assert_eq!(shard.audit(), Ok(()), "{event_id}");
    }
    for (event_id, days, status) in [("b", 2, Status::Canceled), ("c", 1, Status::Active), ("d", 35, Status::Canceled)] {
        shard.apply_subscription(&with(event_id, days, status));
        assert_eq!(shard.audit(), Ok(()), "{event_id}");
    }
}
