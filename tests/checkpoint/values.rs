//! Random values of every type that an image holds, extremes among them.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use upswell::domain::account::{Account, Item, Subscription, Version};
use upswell::domain::alert::{Fraction, Record, Resolved, State, Suppression, Told};
use upswell::domain::calendar::{Day, Instant};
use upswell::domain::currency::Currency;
use upswell::domain::facts::{FactKind, Reason, Status};
use upswell::domain::symbol::Symbol;
use upswell::domain::usage::Bin;
use upswell::engine::image::{Ahead, Chunk, Head};
use upswell::engine::rejected::Change;
use upswell::wire::checkpoint::{Identity, Manifest, PieceRef, Position, Section, TopicIdentity, piece_name};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 6 => "[a-z0-9-]{1,12}", 2 => "\\PC{0,20}"]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(i64::MIN), 1 => Just(i64::MAX), 4 => -200i64..200, 4 => any::<i64>()]
}

/// A quantity or an MRR.
fn size() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(i64::MAX), 4 => 0..200i64, 4 => 0..=i64::MAX]
}

fn instant() -> impl Strategy<Value = Instant> {
    prop_oneof![number(), 1_500_000_000_000..1_900_000_000_000i64].prop_map(Instant)
}

fn day() -> impl Strategy<Value = Day> {
    prop_oneof![1 => Just(i32::MIN), 1 => Just(i32::MAX), 6 => 20_000..20_100, 1 => any::<i32>()].prop_map(Day)
}

fn amount() -> impl Strategy<Value = i128> {
    prop_oneof![Just(i128::MIN), Just(i128::MAX), number().prop_map(i128::from), any::<i128>()]
}

fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof!["EUR", "USD", "[A-Z]{3}"].prop_map(|code| Currency::parse(&code).expect("three capital letters"))
}

fn symbol() -> impl Strategy<Value = Symbol> {
    prop_oneof![4 => 0..300u32, 1 => 0..u32::MAX].prop_map(Symbol)
}

fn items() -> impl Strategy<Value = Box<[Item]>> {
    btree_map(text(), (symbol(), symbol(), size(), size()), 0..4).prop_map(|items| {
        let item = |(id, (product, plan, quantity, mrr)): (String, _)| Item { id: id.into(), product, plan, quantity, mrr };
        items.into_iter().map(item).collect()
    })
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    // A state that counts and has items has a currency.
    let valued = |status: Status, items: &[Item]| status.counts() && !items.is_empty();
    let status = select(Status::SYMBOLS.map(|(_, status)| status).to_vec());
    let attributes = vec((symbol(), symbol()), 0..4);
    let state = (number(), text(), status, (currency(), any::<bool>()), items(), attributes);
    btree_map(instant(), state, 1..5).prop_map(move |states| {
        let version = |(effective_at, state): (_, (_, String, _, (_, bool), Box<[Item]>, Vec<_>))| {
            let (version, event_id, status, (currency, known), items, attributes) = state;
            let currency = (known || valued(status, &items)).then_some(currency);
            Version { effective_at, version, event_id: event_id.into(), status, currency, items, attributes: attributes.into() }
        };
        states.into_iter().map(version).collect()
    })
}

pub fn account() -> impl Strategy<Value = (String, Account)> {
    let bins = btree_map((day(), currency()), amount().prop_filter("a bin is not 0", |amount| *amount != 0), 0..20);
    (
        text(),
        btree_map(text(), versions(), 0..4),
        bins,
        option::of(instant().prop_filter("the end of time is no usage", |at| at.0 < i64::MAX)),
    )
        .prop_map(|(id, subscriptions, bins, first_usage)| {
            let subscription = |(id, versions): (String, _)| Subscription { id: id.into(), versions };
            let bin = |((day, currency), amount)| Bin { day, currency, amount };
            let subscriptions: Vec<_> = subscriptions.into_iter().map(subscription).collect();
            let bins: Vec<_> = bins.into_iter().map(bin).collect();
            (id, Account::from_parts(&subscriptions, &bins, first_usage).expect("maps are in order"))
        })
}

fn change() -> impl Strategy<Value = Change> {
    let run = (number(), number(), select(Reason::ALL.to_vec())).prop_filter("a run is not empty", |(a, b, _)| a != b);
    prop_oneof![
        number().prop_map(|offset| Change::Remove { offset }),
        run.prop_map(|(a, b, reason)| Change::Add { first: a.min(b), end: a.max(b), reason }),
    ]
}

pub fn section() -> impl Strategy<Value = Section> {
    let topic = select(vec![FactKind::Subscription, FactKind::Usage]);
    prop_oneof![
        (any::<u32>(), vec(text(), 0..9)).prop_map(|(first, texts)| {
            Section::Chunk(Chunk::Texts { first, texts: texts.into_iter().map(Into::into).collect() })
        }),
        (instant(), vec(any::<u128>(), 0..9)).prop_map(|(until, ids)| Section::Chunk(Chunk::Ids { until, ids })),
        vec(account(), 0..4).prop_map(|accounts| crate::fixture::accounts_chunk(&accounts)),
        (topic, vec(change(), 0..9)).prop_map(|(topic, changes)| Section::Rejected { topic, changes }),
    ]
}

pub fn identity() -> impl Strategy<Value = Identity> {
    let topic = || option::of((text(), option::of(text())).prop_map(|(name, id)| TopicIdentity { name, id }));
    (option::of(text()), any::<i32>(), any::<u32>(), [topic(), topic(), topic()], text()).prop_map(
        |(cluster_id, partition, partitions, topics, time_zone)| Identity {
            cluster_id,
            partition,
            partitions,
            topics,
            time_zone,
        },
    )
}

fn head() -> impl Strategy<Value = Head> {
    let ahead = (instant(), day(), text(), currency(), amount());
    let ahead = ahead.prop_map(|(at, day, id, currency, amount)| Ahead { at, day, customer_id: id.into(), currency, amount });
    let counts = (any::<u64>(), any::<u32>(), day(), [instant(), instant()], option::of(instant()), any::<(u64, u64)>());
    (counts, vec((instant(), any::<u64>()), 0..4), vec(ahead, 0..4)).prop_map(|(counts, generations, ahead)| {
        let (accounts, texts, floor, [floor_at, passed], record_time, hash_key) = counts;
        Head { accounts, texts, floor, floor_at, record_time, hash_key, generations, ahead, passed }
    })
}

fn alert() -> impl Strategy<Value = Record> {
    let millis = || 0..=i64::MAX;
    let state = prop_oneof![
        Just(State::Inactive),
        (instant(), millis()).prop_map(|(since, held)| State::Pending { since, held }),
        (instant(), option::of(millis())).prop_map(|(since, clear)| State::Firing { since, clear }),
    ];
    let suppressed = option::of((select(Suppression::ALL.to_vec()), instant()));
    let value = option::of((any::<i128>(), 1..=i128::MAX).prop_map(|(n, d)| Fraction::new(n, d).expect("it is not 0")));
    let resolved = option::of((instant(), instant()).prop_map(|(since, at)| Resolved { since, at }));
    let told = vec((text(), any::<bool>()).prop_map(|(receiver, resolved)| Told { receiver, resolved }), 0..3);
    let labels = btree_map(text(), text(), 0..3);
    (text(), option::of(text()), any::<u64>(), state, suppressed, value, resolved, (labels, told)).prop_map(
        |(rule, segment, definition, state, suppressed, value, resolved, (labels, told))| Record {
            rule,
            segment,
            definition,
            state,
            suppressed,
            value,
            resolved,
            labels,
            told,
        },
    )
}

pub fn manifest() -> impl Strategy<Value = Manifest> {
    let position = (
        number(),
        number(),
        option::of(instant()),
        option::of(instant().prop_filter("the end of time is no usage", |at| at.0 < i64::MAX)),
    )
        .prop_map(|(next, began, oldest_record, newest_record)| Position { next, began, oldest_record, newest_record })
        .boxed();
    let positions = [option::of(position.clone()), option::of(position.clone()), option::of(position)];
    let piece = (any::<(u64, u64, u32, u32)>(), any::<u64>(), any::<u128>()).prop_map(|((w, s, n, a), length, checksum)| {
        let name = piece_name(w, s, n, a);
        PieceRef { name, length, checksum }
    });
    let pieces = vec(piece, 0..5).prop_flat_map(|pieces| (0..=pieces.len() as u32, Just(pieces)));
    let rest = (head(), pieces, vec(alert(), 0..4));
    (identity(), any::<(u32, u64, u64)>(), instant(), positions, any::<[[u64; 3]; 2]>(), rest).prop_map(
        |(identity, (generation, writer, sequence), taken_at, positions, placement, (head, (base_pieces, pieces), alerts))| {
            Manifest { identity, generation, writer, sequence, taken_at, positions, placement, head, pieces, base_pieces, alerts }
        },
    )
}
