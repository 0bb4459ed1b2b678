//! Interned text: products, plans and attributes repeat across customers, so each is stored once and named by a number.

use std::collections::HashMap;
use std::sync::Arc;

/// A text of one [`Symbols`] table. Equal symbols are equal texts; the order of symbols says nothing about the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// Reference counts of a shared text, and its place in the hash table.
const ENTRY_OVERHEAD: usize = 24;

/// A table of texts. It only grows: what was interned stays readable for as long as the table lives.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Symbol>,
    bytes: usize,
}

impl Symbols {
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(&symbol) = self.numbers.get(text) {
            return symbol;
        }
        let symbol = Symbol(u32::try_from(self.texts.len()).expect("memory ends long before 2^32 distinct texts"));
        let text: Arc<str> = text.into();
        self.bytes += text.len() + 2 * size_of::<Arc<str>>() + ENTRY_OVERHEAD;
        self.texts.push(text.clone());
        self.numbers.insert(text, symbol);
        symbol
    }

    /// Memory of the table, about: each text stands in it once and is named twice.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The texts from one number on, by number.
    pub fn from(&self, first: u32) -> &[Arc<str>] {
        self.texts.get(first as usize..).unwrap_or(&[])
    }

    pub fn text(&self, symbol: Symbol) -> &Arc<str> {
        &self.texts[symbol.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_symbol() {
        let mut symbols = Symbols::default();
        let (a, b, again) = (symbols.intern("a"), symbols.intern(""), symbols.intern("a"));
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_eq!((&**symbols.text(a), &**symbols.text(b)), ("a", ""));
    }
}
