//! Lists that come in pages: every form of "there is more" that OpenStack services use.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cloud::{Cloud, Request};
use crate::{Failure, Result};

/// The pages of a list, as JSON; each is fetched when it is asked for, and the first failure ends them.
///
/// There is another page if the last one says so, in one of these forms: `{key}_links` or `links` as a list with
/// `rel: next` (Nova, Cinder, Neutron), `links.next` (Keystone), `next` (Glance, Ironic, Zonda). A full page of a list
/// without links (Heat, Swift) is followed by the one after the `id` or `name` of its last item, if the request had a
/// `limit`. The next request differs from the first in its query only, so a link never leads anywhere else.
pub struct Pages<'a> {
    cloud: &'a Cloud,
    request: Request,
    key: Option<String>,
    state: State,
}

enum State {
    /// The request as it stands is the next one to send.
    Ready,
    Ended,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(cloud: &'a Cloud, request: Request) -> Self {
        Self {
            cloud,
            request,
            key: None,
            state: State::Ready,
        }
    }

    pub(crate) fn of(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    fn fetch(&mut self) -> Result<Value> {
        self.state = State::Ended;
        let response = self.cloud.send(self.request.clone())?;
        if response.status() == 204 {
            return Ok(Value::Array(Vec::new())); // Swift's way to say that there is nothing.
        }
        let page: Value = response.json()?;
        let query = match next_link(&page) {
            Some(link) => Some(query_of(link)),
            None => after_last_item(&page, self.key.as_deref(), self.request.query_pairs()),
        };
        // A service that points at the page it has just given would otherwise be asked for ever.
        if let Some(query) = query.filter(|query| query != self.request.query_pairs()) {
            self.request = self.request.clone().with_query(query);
            self.state = State::Ready;
        }
        Ok(page)
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.state {
            State::Ready => Some(self.fetch()),
            State::Ended => None,
        }
    }
}

/// The items of a list that comes in pages; the first failure ends them.
pub struct Items<'a, T> {
    pages: Pages<'a>,
    key: String,
    page: std::vec::IntoIter<Value>,
    item: PhantomData<T>,
}

impl<'a, T> Items<'a, T> {
    pub(crate) fn new(pages: Pages<'a>, key: &str) -> Self {
        Self {
            pages,
            key: key.into(),
            page: Vec::new().into_iter(),
            item: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Iterator for Items<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.page.next() {
                let item = serde_json::from_value(item);
                return Some(item.map_err(|error| {
                    Failure::new(format!("an item of `{}` does not fit: {error}", self.key))
                }));
            }
            let items = match self.pages.next()? {
                Err(failure) => return Some(Err(failure)),
                Ok(Value::Array(items)) => items,
                Ok(mut page) => match page.get_mut(&self.key).map(Value::take) {
                    Some(Value::Array(items)) => items,
                    _ => {
                        return Some(Err(Failure::new(format!(
                            "the answer has no list `{}`",
                            self.key
                        ))));
                    }
                },
            };
            self.page = items.into_iter();
        }
    }
}

fn next_link(page: &Value) -> Option<&str> {
    let page = page.as_object()?;
    let of_list = |links: &'_ Value| -> Option<usize> {
        links
            .as_array()?
            .iter()
            .position(|link| link.get("rel").is_some_and(|rel| rel == "next"))
    };
    for (name, links) in page {
        if name == "next" {
            if let Some(link) = links.as_str() {
                return Some(link);
            }
        } else if name == "links" || name.ends_with("_links") {
            if let Some(at) = of_list(links) {
                return links.get(at)?.get("href")?.as_str();
            }
            if let Some(link) = links.get("next").and_then(Value::as_str) {
                return Some(link);
            }
        }
    }
    None
}

fn after_last_item(
    page: &Value,
    key: Option<&str>,
    query: &[(String, String)],
) -> Option<Vec<(String, String)>> {
    let (_, limit) = query.iter().find(|(name, _)| name == "limit")?;
    let items = match page.as_array() {
        Some(items) => items,
        None => page.get(key?)?.as_array()?,
    };
    // A page shorter than asked for is the last one.
    if items.len() < limit.parse::<usize>().ok()?.max(1) {
        return None;
    }
    let last = items.last()?;
    let marker = ["id", "name", "subdir"]
        .iter()
        .find_map(|name| last.get(*name)?.as_str())?;
    let others = query.iter().filter(|(name, _)| name != "marker").cloned();
    Some(others.chain([("marker".into(), marker.into())]).collect())
}

/// The names and values in a link's query, decoded.
fn query_of(link: &str) -> Vec<(String, String)> {
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        match escaped {
            Some(((high, low), after)) => {
                bytes.push(high << 4 | low);
                rest = after;
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Context;
    use crate::testing::Test;

    fn names(ctx: &Context, _: ()) -> Result<Vec<String>> {
        let request = Request::get("compute", "/things").query("limit", 2);
        let cloud = ctx.cloud()?;
        cloud
            .items::<Value>(request, "things")
            .map(|item| Ok(item?["id"].to_string()))
            .collect()
    }

    #[test]
    fn every_form_of_a_next_link_is_followed_to_the_end() {
        let href = "https://cloud.example/v2/things?limit=2&marker=a%20b%2Bc";
        for more in [
            json!({"things_links": [{"rel": "next", "href": href}]}),
            json!({"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": href}]}),
            json!({"links": {"self": "x", "next": href, "previous": null}}),
            json!({"next": "/v2/things?limit=2&marker=a%20b%2Bc", "first": "/v2/things"}),
        ] {
            let mut first = more;
            first["things"] = json!([{"id": 1}]);
            let action = crate::Action::new("a.names", names).access("compute", "GET", "/things");
            let test = Test::new()
                .answer("compute", "GET", "/things", 200, first)
                .answer(
                    "compute",
                    "GET",
                    "/things",
                    200,
                    json!({"things": [{"id": 2}], "next": null}),
                );
            assert_eq!(test.run(&action, json!({})).unwrap(), json!(["1", "2"]));
            let marker = ("marker".to_owned(), "a b+c".to_owned());
            assert!(test.requests()[1].query.contains(&marker));
        }
    }

    #[test]
    fn a_full_page_without_links_is_followed_by_its_marker() {
        let action = crate::Action::new("a.names", names).access("compute", "GET", "/things");
        let test = Test::new()
            .answer(
                "compute",
                "GET",
                "/things",
                200,
                json!({"things": [{"id": "a"}, {"id": "b"}]}),
            )
            .answer(
                "compute",
                "GET",
                "/things",
                200,
                json!({"things": [{"id": "c"}]}),
            );
        assert_eq!(
            test.run(&action, json!({})).unwrap(),
            json!(["\"a\"", "\"b\"", "\"c\""])
        );
        assert_eq!(test.requests().len(), 2);
    }

    #[test]
    fn a_link_to_the_same_page_ends_the_list() {
        let action = crate::Action::new("a.names", names).access("compute", "GET", "/things");
        let test = Test::new().answer(
            "compute",
            "GET",
            "/things",
            200,
            json!({"things": [], "next": "/things?limit=2"}),
        );
        assert_eq!(test.run(&action, json!({})).unwrap(), json!([]));
    }

    #[test]
    fn a_stray_percent_sign_is_kept() {
        assert_eq!(decode("100%+a%4"), "100% a%4");
    }
}
