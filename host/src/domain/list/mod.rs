//! Lists: what objects show in columns, which of them are asked for, in which order, page by page.

mod cell;
mod column;
mod filter;
mod page;
mod request;

pub use cell::Cell;
pub use column::{Column, Walked};
pub use filter::{BadFilter, Filter};
pub use page::{Order, Page};
pub use request::{ListRequest, Reach, SortKey};
