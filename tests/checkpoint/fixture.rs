//! A small fixed state: an image of a base and a delta.

use std::collections::BTreeMap;
use std::sync::Arc;
use upswell::domain::account::{Account, Item, Subscription, Version};
use upswell::domain::alert::{Fraction, Record, Resolved, State, Suppression, Told};
use upswell::domain::calendar::{Day, Instant};
use upswell::domain::currency::Currency;
use upswell::domain::facts::{FactKind, Reason, Status};
use upswell::domain::symbol::Symbol;
use upswell::domain::usage::Bin;
use upswell::engine::image::{Ahead, Chunk, Head};
use upswell::engine::rejected::Change;
use upswell::wire::checkpoint::{
    Damage, Identity, Manifest, Piece, PieceRef, PieceWriter, Position, Section, SectionRef, TopicIdentity, account, piece_name,
    read_piece,
};

pub const WRITER: u64 = 0x0123_4567_89ab_cdef;
pub const SEQUENCE: u64 = 42;
pub const TEXTS: u32 = 6;
const NOON: Instant = Instant(1_757_851_200_000);

pub fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a code")
}

pub fn identity() -> Identity {
    let topic = |name: &str, id: Option<&str>| Some(TopicIdentity { name: name.into(), id: id.map(Into::into) });
    Identity {
        cluster_id: Some("MkU3OEVBNTcwNTJENDM2Qg".into()),
        partition: 3,
        partitions: 12,
        topics: [
            topic("billing.subscriptions", Some("2kWc1Vq0QKOb3-0D8ZfRTw")),
            topic("billing.usage", Some("0y7tT8rAQzC5RkT1bOeXyA")),
            topic("billing.retries", None),
        ],
        time_zone: "Europe/Berlin".into(),
    }
}

pub fn accounts() -> Vec<(String, Account)> {
    let item = |id: &str, quantity, mrr| Item { id: id.into(), product: Symbol(0), plan: Symbol(1), quantity, mrr };
    let state = |hours: i64, status, currency, items: Vec<Item>| Version {
        effective_at: Instant(NOON.0 - hours * 3_600_000),
        version: hours,
        event_id: format!("evt-{hours}").into(),
        status,
        currency,
        items: items.into(),
        attributes: [(Symbol(2), Symbol(3)), (Symbol(4), Symbol(5))].into(),
    };
    let usd = Some(currency("USD"));
    let states = vec![
        state(9_000, Status::Trialing, None, vec![]),
        state(8_000, Status::Active, usd, vec![item("seats", 25, 1_225_000_000), item("support", 1, 99_500_000)]),
        state(700, Status::PastDue, usd, vec![item("seats", 30, 1_470_000_000)]),
        state(90, Status::Paused, usd, vec![]),
        state(-1_000, Status::Canceled, None, vec![]),
    ];
    let bin = |day, code, amount| Bin { day: Day(day), currency: currency(code), amount };
    let bins = vec![bin(20_340, "EUR", 12_340_000), bin(20_340, "USD", -5), bin(20_341, "USD", i128::MAX), bin(20_345, "EUR", 1)];
    let account = |subscriptions: Vec<(&str, Vec<Version>)>, bins: Vec<_>, first_usage| {
        let subscription = |(id, versions): (&str, _)| Subscription { id: id.into(), versions };
        let subscriptions: Vec<_> = subscriptions.into_iter().map(subscription).collect();
        Account::from_parts(&subscriptions, &bins, first_usage).expect("all in order")
    };
    vec![
        ("cus-1".into(), account(vec![("sub-1", states.clone()), ("sub-2", states[1..2].to_vec())], bins, Some(NOON))),
        ("Kundin Ä".into(), account(vec![], vec![bin(20_300, "EUR", 700)], Some(Instant(946_684_800_000)))),
        ("".into(), Account::default()),
    ]
}

pub fn accounts_chunk(accounts: &[(String, Account)]) -> Section {
    let mut bytes = Vec::new();
    accounts.iter().for_each(|(customer_id, of)| account::encode(customer_id, of, &mut bytes));
    Section::Chunk(Chunk::Accounts { count: accounts.len() as u32, bytes })
}

/// The sections of the base and of the delta.
pub fn sections() -> [Vec<Section>; 2] {
    let texts = |first, texts: &[&str]| {
        Section::Chunk(Chunk::Texts { first, texts: texts.iter().map(|text| Arc::from(*text)).collect() })
    };
    let ids = |until, from: u128| {
        let ids = (from..from + 3).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).collect();
        Section::Chunk(Chunk::Ids { until: Instant(until), ids })
    };
    let add = |first, end, reason| Change::Add { first, end, reason };
    let mut runs: Vec<Change> =
        Reason::ALL.iter().zip(0..).map(|(reason, at)| add(100 * at, 100 * at + 7 + at, *reason)).collect();
    runs.push(Change::Remove { offset: 4 });
    let rejected = |topic, changes| Section::Rejected { topic, changes };
    let (accounts, later) = (accounts(), NOON.0 + 86_400_000);
    let base = vec![
        texts(0, &["Plattform", "Team"]),
        texts(2, &["region", "", "channel", "Ω"]),
        ids(NOON.0, 1),
        accounts_chunk(&accounts[..2]),
        rejected(FactKind::Subscription, vec![add(7, i64::MAX, Reason::Decode)]),
        rejected(FactKind::Usage, runs),
    ];
    let delta = vec![
        ids(later, 9),
        accounts_chunk(&accounts[2..]),
        rejected(FactKind::Usage, vec![Change::Remove { offset: 3 }, Change::Remove { offset: 12_345_678_901 }]),
    ];
    [base, delta]
}

/// Piece `number` of the fixed image, and how a manifest names it.
pub fn piece(number: u32, sections: &[Section]) -> (Piece, PieceRef) {
    let mut writer = PieceWriter::new(&identity(), WRITER, SEQUENCE, number);
    sections.iter().for_each(|section| writer.push(section));
    let piece = writer.finish();
    let named = piece.named(piece_name(WRITER, SEQUENCE, number, 0));
    (piece, named)
}

pub fn manifest(pieces: Vec<PieceRef>) -> Manifest {
    let position = |next, oldest: Option<i64>| Position {
        next,
        began: 5,
        oldest_record: oldest.map(Instant),
        newest_record: oldest.map(|_| NOON),
    };
    let ahead = Ahead {
        at: Instant(NOON.0 + 1),
        day: Day(20_345),
        customer_id: "cus-1".into(),
        currency: currency("EUR"),
        amount: -1_000_000,
    };
    Manifest {
        identity: identity(),
        generation: 2,
        writer: WRITER,
        sequence: SEQUENCE,
        taken_at: Instant(NOON.0 + 1_234),
        positions: [Some(position(1_000_000, Some(1_700_000_000_000))), Some(position(25_000_000_000, None)), None],
        placement: [[900, 0, 1], [0, 70_000, 0]],
        head: Head {
            accounts: 3,
            texts: TEXTS,
            floor: Day(19_900),
            floor_at: Instant(1_719_360_000_000),
            record_time: Some(NOON),
            hash_key: (u64::MAX, 0x0011_2233_4455_6677),
            generations: vec![(NOON, 3), (Instant(NOON.0 + 86_400_000), 3)],
            ahead: vec![ahead],
            passed: Instant(NOON.0 - 60_000),
        },
        pieces,
        base_pieces: 1,
        alerts: alerts(),
    }
}

/// Everything a piece holds, each account and element decoded; accounts in the form that they were encoded to again.
pub fn read(file: &[u8], piece: &PieceRef, identity: &Identity) -> Result<Vec<Section>, Damage> {
    let mut sections = Vec::new();
    read_piece(file, piece, identity, |section| {
        sections.push(owned(section)?);
        Ok(())
    })?;
    Ok(sections)
}

fn owned(section: SectionRef) -> Result<Section, Damage> {
    Ok(match section {
        SectionRef::Texts { first, texts } => {
            let texts = texts.map(|text| text.map(Arc::from)).collect::<Result<_, _>>()?;
            Section::Chunk(Chunk::Texts { first, texts })
        }
        SectionRef::Ids { until, ids } => Section::Chunk(Chunk::Ids { until, ids: ids.collect::<Result<_, _>>()? }),
        SectionRef::Accounts(accounts) => {
            let mut bytes = Vec::new();
            accounts.each(u32::MAX, |customer_id, of| {
                account::encode(customer_id, &of, &mut bytes);
                Ok(())
            })?;
            Section::Chunk(Chunk::Accounts { count: accounts.count, bytes })
        }
        SectionRef::Rejected { topic, changes } => Section::Rejected { topic, changes: changes.collect::<Result<_, _>>()? },
    })
}

/// One alert of each kind.
fn alerts() -> Vec<Record> {
    let record = |rule: &str, state| Record {
        rule: rule.to_owned(),
        segment: None,
        definition: 0x0123_4567_89ab_cdef,
        state,
        suppressed: None,
        value: None,
        resolved: None,
        labels: BTreeMap::from([("alertname".to_owned(), rule.to_owned()), ("severity".to_owned(), "critical".to_owned())]),
        told: vec![],
    };
    let since = Instant(1_789_000_000_000);
    let (chat, pager) =
        (Told { receiver: "chat".to_owned(), resolved: true }, Told { receiver: "pager".to_owned(), resolved: false });
    vec![
        record("Pending", State::Pending { since, held: 60_000 }),
        Record {
            value: Fraction::new(-99, 1000),
            told: vec![chat, pager],
            ..record("Firing", State::Firing { since, clear: None })
        },
        Record {
            segment: Some("retail".to_owned()),
            suppressed: Some((Suppression::SmallBase, since)),
            ..record("Clearing", State::Firing { since, clear: Some(5) })
        },
        Record { resolved: Some(Resolved { since, at: Instant(since.0 + 1) }), ..record("Over", State::Inactive) },
    ]
}
