//! Pages of a list, by cursor: newest first, stable while rows come and go.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::error::{Error, Result};

/// What part of a list is asked for.
#[derive(Clone, Debug)]
pub struct PageIn {
    /// 1 to 200.
    pub limit: u64,
    /// Where the last page ended, as its `next_cursor` said.
    pub cursor: Option<String>,
}

/// The size of a page when none is asked for.
pub const DEFAULT_LIMIT: u64 = 50;
/// The largest page.
pub const MAX_LIMIT: u64 = 200;

impl PageIn {
    /// Checks and fills in what the caller left out.
    pub fn new(limit: Option<u64>, cursor: Option<String>) -> Result<Self> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid(
                "?limit",
                "out_of_range",
                format!("ask for 1 to {MAX_LIMIT} items"),
            ));
        }
        Ok(Self { limit, cursor })
    }

    /// The row id in the cursor, for lists in the order of UUIDs.
    pub fn after_uuid(&self) -> Result<Option<Uuid>> {
        self.decode(|bytes| bytes.try_into().ok().map(Uuid::from_bytes))
    }

    /// The number in the cursor, for lists in the order of numbers.
    pub fn after_number(&self) -> Result<Option<i64>> {
        self.decode(|bytes| bytes.try_into().ok().map(i64::from_be_bytes))
    }

    /// The name in the cursor, for lists in the order of names.
    pub fn after_name(&self) -> Result<Option<String>> {
        self.decode(|bytes| String::from_utf8(bytes).ok())
    }

    fn decode<T>(&self, parse: impl FnOnce(Vec<u8>) -> Option<T>) -> Result<Option<T>> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(parse)
            .map(Some)
            .ok_or_else(|| {
                Error::invalid(
                    "?cursor",
                    "unknown",
                    "use the next_cursor of a page as it is, or leave it out",
                )
            })
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; none when this was the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page from `rows`, which were read one more than asked for.
    pub fn cut(mut rows: Vec<T>, page: &PageIn, cursor: impl FnOnce(&T) -> Cursor) -> Self {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more {
            rows.last().map(|last| cursor(last).encode())
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// Cuts a page from a list that is at hand as a whole, in the order of names.
    pub fn by_name(rows: Vec<T>, page: &PageIn, name: impl Fn(&T) -> &str) -> Result<Self> {
        let after = page.after_name()?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let rows = rows
            .into_iter()
            .skip_while(|row| after.as_deref().is_some_and(|after| name(row) <= after));
        let rows = rows.take(limit.saturating_add(1)).collect();
        Ok(Self::cut(rows, page, |row| Cursor::Name(name(row).to_owned())))
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// Where a page ended.
#[derive(Clone, Debug)]
pub enum Cursor {
    /// In a list in the order of UUIDs.
    Uuid(Uuid),
    /// In a list in the order of numbers.
    Number(i64),
    /// In a list in the order of names.
    Name(String),
}

impl Cursor {
    fn encode(self) -> String {
        match self {
            Self::Uuid(id) => URL_SAFE_NO_PAD.encode(id.as_bytes()),
            Self::Number(number) => URL_SAFE_NO_PAD.encode(number.to_be_bytes()),
            Self::Name(name) => URL_SAFE_NO_PAD.encode(name),
        }
    }
}

/// One page of `select`, newest id first. `id` is the column of a UUID of version 7.
pub async fn by_id<E, C>(
    select: Select<E>,
    conn: &C,
    id: E::Column,
    page: &PageIn,
    key: impl Fn(&E::Model) -> Uuid,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
    C: ConnectionTrait,
{
    let mut select = select.order_by_desc(id).limit(page.limit + 1);
    if let Some(after) = page.after_uuid()? {
        select = select.filter(id.lt(after));
    }
    Ok(Page::cut(select.all(conn).await?, page, |row| {
        Cursor::Uuid(key(row))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_read_page_by_page_while_names_come_and_go() {
        let page = |names: &[&'static str], cursor: Option<String>| {
            let page = PageIn::new(Some(2), cursor).unwrap();
            Page::by_name(names.to_vec(), &page, |name| name).unwrap()
        };
        let first = page(&["a", "b", "c", "d"], None);
        assert_eq!(first.items, ["a", "b"]);
        let second = page(&["a", "bb", "c", "d"], first.next_cursor);
        assert_eq!(second.items, ["bb", "c"], "what the cursor names may be gone");
        let last = page(&["a", "bb", "c", "d"], second.next_cursor);
        assert_eq!(last.items, ["d"]);
        assert!(last.next_cursor.is_none());
    }

    #[test]
    fn a_cursor_that_is_no_name_is_refused() {
        let page = PageIn::new(None, Some(URL_SAFE_NO_PAD.encode([0xff]))).unwrap();
        assert!(Page::by_name(vec!["a"], &page, |name| name).is_err());
    }
}
