//! Random writer schemas within the evolution that is supported, and a little beyond: fields dropped, added, reordered, widened,
//! nullable, in unions of any order, of the wrong type.

use crate::model::{Type, plain};
use upswell::domain::facts::FactKind;

/// A small deterministic generator (splitmix64): one seed, one case.
pub struct Random {
    state: u64,
    /// Names taken so far, so that each is new.
    names: u32,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed, names: 0 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A number of any size.
    pub fn number(&mut self) -> i64 {
        let bits = self.below(64);
        (self.next() >> bits) as i64
    }

    /// A short text.
    pub fn word(&mut self) -> &'static str {
        ["", "a", "vertical", "\u{1f600}", "caf\u{e9} \"/\\", "EUR", "c-1"][self.below(7) as usize]
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("N{}", self.names)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for index in (1..list.len()).rev() {
            list.swap(index, self.below(index as u64 + 1) as usize);
        }
    }
}

const SUBSCRIPTION: &[&str] =
    &["event_id", "customer_id", "subscription_id", "effective_at", "version", "status", "currency", "items", "attributes"];
const ITEM: &[&str] =
    &["item_id", "product_id", "plan_id", "quantity", "unit_amount_micros", "interval", "interval_count", "discount_micros"];
const USAGE: &[&str] = &["event_id", "customer_id", "used_at", "meter", "quantity", "amount_micros", "currency"];

/// A writer's schema for events of that kind.
pub fn schema(random: &mut Random, kind: FactKind) -> Type {
    let fields = match kind {
        FactKind::Subscription => SUBSCRIPTION,
        FactKind::Usage => USAGE,
    };
    let top = record(random, fields, kind == FactKind::Usage);
    if random.one_in(5) { in_union(random, top) } else { top }
}

/// A record of our fields, mostly, and others.
fn record(random: &mut Random, ours: &[&str], usage: bool) -> Type {
    let name = random.name();
    let mut fields = Vec::new();
    for field in ours {
        if !random.one_in(15) {
            let plain = if random.one_in(150) { foreign(random, 1, &name) } else { our_type(random, field, usage) };
            let typed = if random.one_in(3) { in_union(random, plain) } else { plain };
            fields.push(((*field).to_owned(), typed));
        }
    }
    for _ in 0..random.below(4) {
        let extra = foreign(random, 3, &name);
        fields.push((random.name(), extra));
    }
    if random.one_in(2) {
        random.shuffle(&mut fields);
    }
    Type::Record(name, fields)
}

fn our_type(random: &mut Random, field: &str, usage: bool) -> Type {
    let pick = |random: &mut Random, types: &[(&'static str, Option<&'static str>)]| {
        let (name, logical) = types[random.below(types.len() as u64) as usize];
        Type::Plain(name, logical)
    };
    const LONG: &[(&str, Option<&str>)] = &[("long", None), ("long", None), ("int", None), ("long", Some("timestamp-micros"))];
    match field {
        "effective_at" | "used_at" => pick(
            random,
            &[
                ("long", Some("timestamp-millis")),
                ("long", Some("timestamp-micros")),
                ("long", Some("timestamp-nanos")),
                ("long", Some("local-timestamp-millis")),
                ("long", None),
                ("int", None),
                ("int", Some("date")),
            ],
        ),
        "quantity" if usage => pick(random, &[("double", None), ("float", None), ("long", None), ("int", None)]),
        "version" | "amount_micros" | "quantity" | "unit_amount_micros" | "interval_count" | "discount_micros" => {
            pick(random, LONG)
        }
        "status" => symbols(random, &["TRIALING", "ACTIVE", "PAST_DUE", "PAUSED", "CANCELED"]),
        "interval" => symbols(random, &["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]),
        "items" => {
            let item = record(random, ITEM, false);
            Type::Array(Box::new(if random.one_in(4) { in_union(random, item) } else { item }))
        }
        "attributes" => {
            let value = pick(random, &[("string", None), ("string", None), ("bytes", None), ("null", None)]);
            Type::Map(Box::new(if random.one_in(3) { in_union(random, value) } else { value }))
        }
        _ => pick(random, &[("string", None), ("string", None), ("bytes", None)]),
    }
}

fn symbols(random: &mut Random, ours: &[&str]) -> Type {
    let mut symbols: Vec<String> = ours.iter().map(|symbol| (*symbol).to_owned()).collect();
    if random.one_in(4) {
        symbols.push("FROZEN".to_owned());
    }
    random.shuffle(&mut symbols);
    symbols.truncate(1 + random.below(7) as usize);
    Type::Enum(random.name(), symbols)
}

/// A union of the type and others, null most often, in any order. Unnamed types stand in a union once.
fn in_union(random: &mut Random, this: Type) -> Type {
    let unnamed = |this: &Type| match this {
        Type::Plain(name, _) => *name,
        Type::Array(_) => "array",
        Type::Map(_) => "map",
        _ => "named",
    };
    if matches!(this, Type::Union(_)) {
        return this;
    }
    let mut branches = vec![this];
    let others = if random.one_in(3) { random.below(3) } else { 0 };
    let candidates = std::iter::once(plain("null")).chain((0..others).map(|_| foreign(random, 1, ""))).collect::<Vec<_>>();
    for other in candidates {
        let kind = unnamed(&other);
        if !matches!(other, Type::Union(_)) && (kind == "named" || branches.iter().all(|branch| unnamed(branch) != kind)) {
            branches.push(other);
        }
    }
    random.shuffle(&mut branches);
    Type::Union(branches)
}

/// Any type, at most `depth` deep. `around` is a record it may refer back to.
fn foreign(random: &mut Random, depth: u32, around: &str) -> Type {
    const PLAIN: &[(&str, Option<&str>)] = &[
        ("null", None),
        ("boolean", None),
        ("int", None),
        ("long", None),
        ("float", None),
        ("double", None),
        ("bytes", None),
        ("string", None),
        ("bytes", Some("decimal")),
        ("int", Some("time-millis")),
        ("long", Some("local-timestamp-nanos")),
    ];
    let any_plain = |random: &mut Random| {
        let (name, logical) = PLAIN[random.below(PLAIN.len() as u64) as usize];
        Type::Plain(name, logical)
    };
    if depth == 0 {
        return any_plain(random);
    }
    match random.below(9) {
        0..=2 => any_plain(random),
        3 => Type::Fixed(random.name(), random.below(5) as usize),
        4 => Type::Enum(random.name(), vec!["X".to_owned(), "Y".to_owned()]),
        5 => Type::Array(Box::new(foreign(random, depth - 1, around))),
        6 => Type::Map(Box::new(foreign(random, depth - 1, around))),
        7 if !around.is_empty() => Type::Union(vec![plain("null"), Type::Named(around.to_owned())]),
        7 => {
            let inner = foreign(random, depth - 1, "");
            in_union_of_plain(inner)
        }
        _ => {
            let name = random.name();
            let fields = (0..random.below(4)).map(|_| (random.name(), foreign(random, depth - 1, &name))).collect();
            Type::Record(name, fields)
        }
    }
}

fn in_union_of_plain(inner: Type) -> Type {
    match inner {
        Type::Plain("null", _) | Type::Union(_) => Type::Union(vec![plain("null"), plain("string")]),
        inner => Type::Union(vec![inner, plain("null")]),
    }
}
