//! Lists on the wire: each resource says once what its list has, and everything else follows from that.
//!
//! A list is a `static` [`Listable`], a route added by [`Routes::list`](super::routes::Routes::list), and a handler that
//! asks, hands the engine one typed request, and answers:
//!
//! ```ignore
//! let asked = LISTABLE.ask(&app, &acting, args)?;
//! let page = app.engine.modules(&asked.request).await?;
//! asked.answer(&app, &headers, &page, |module| Ok(ModuleView::from(module.clone())))
//! ```

mod ask;
mod listable;
mod view;

pub(crate) use listable::{Listable, MAX_LIMIT};
pub use view::{ListView, Shown};

/// `['a', 'b']`, as Mistral's refusals show lists.
pub(crate) fn python_list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items
        .iter()
        .map(|item| format!("'{}'", item.as_ref()))
        .collect();
    format!("[{}]", quoted.join(", "))
}
