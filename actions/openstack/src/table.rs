//! The table of actions: what each asks of which service, and where its result is. The rows are made by `build.rs`.

include!(concat!(env!("OUT_DIR"), "/rows.rs"));

/// One action.
#[derive(Debug)]
pub(crate) struct Row {
    /// In full: `nova.servers_get`.
    pub name: &'static str,
    /// A sentence.
    pub does: &'static str,
    pub service: &'static Service,
    /// In place of the service's highest.
    pub microversion: Option<&'static str>,
    /// The ways to make the request; the first that the inputs fit is taken.
    pub routes: &'static [Route],
    pub headers: &'static [(&'static str, &'static str)],
    pub query: &'static [(&'static str, &'static str)],
    /// JSON that the inputs are written into.
    pub body: Option<&'static str>,
    /// The member of the body that the inputs go to.
    pub wrap: Option<&'static str>,
    pub inputs: &'static [Input],
    /// What becomes of inputs that are not in `inputs`.
    pub rest: Rest,
    pub answer: Answer,
}

/// What the actions of one service have in common.
#[derive(Debug)]
pub(crate) struct Service {
    pub service_type: &'static str,
    pub microversion: Option<Microversion>,
}

/// The highest microversion that the table was written for.
#[derive(Debug)]
pub(crate) struct Microversion {
    pub name: &'static str,
    pub max: &'static str,
    pub legacy_header: Option<&'static str>,
}

/// A way to make the request.
#[derive(Debug)]
pub(crate) struct Route {
    pub method: &'static str,
    pub path: &'static [Piece],
    /// The input that must be true.
    pub when: Option<&'static str>,
}

/// A piece of a path: text, or an input.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(&'static str),
    /// One segment.
    Segment(&'static str),
    /// All that is left, slashes included.
    Rest(&'static str),
    /// A stack's `name/id`; a name or an id alone is looked up first.
    Stack(&'static str),
    /// A stack's name, id or `name/id`, which the service redirects by itself.
    StackOrName(&'static str),
}

/// An input of an action.
#[derive(Debug)]
pub(crate) struct Input {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// JSON; `"@user"` is the token's user.
    pub default: Option<&'static str>,
    pub to: To,
    pub convert: Convert,
}

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A string, or an integer that is written as one.
    Id,
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
    Any,
}

/// Where an input goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum To {
    Path,
    /// It only chooses the route.
    Switch,
    Query(&'static str),
    QueryMembers,
    Header(&'static str),
    HeaderMembers,
    /// A member of the body, within its wrapper.
    Member(&'static str),
    /// Its members become members of the body, within its wrapper.
    Members,
    /// A member of the body, outside its wrapper.
    Root(&'static str),
    /// It is the body.
    Body,
    /// It is the body, not as JSON.
    Raw,
    /// Into the query, and the items found must equal it.
    Match(&'static str),
    /// Whether the list is followed to its end.
    Paging,
    /// Names of properties that a JSON patch removes.
    Remove,
}

/// What is done to an input's value first; see `convert.rs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Convert {
    AsIs,
    Base64,
    Csv,
    Devices,
    Files,
    Flag,
    Ids,
    Ips,
    Names,
    Nics,
    Regex,
    Revision,
}

/// What becomes of inputs that the row does not name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rest {
    Refuse,
    Query,
    Body,
    /// The items found must equal them.
    Match,
    /// Each is set by a JSON patch.
    Patch,
}

/// Where the result is in the service's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    Nothing,
    True,
    Body,
    Text,
    Headers,
    HeadersAndText,
    Header(&'static str),
    Member(&'static str),
    List(List),
}

/// A list in an answer.
#[derive(Debug)]
pub(crate) struct List {
    /// The member that holds it; empty if it is the whole body.
    pub member: &'static str,
    /// The member of each item that is the item.
    pub inner: Option<&'static str>,
    pub find: Option<Find>,
    pub shape: Shape,
}

/// What a list is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Find {
    /// Exactly one.
    One,
    All,
}

/// What surrounds the items in the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Items,
    /// `{"networks": items}`.
    Envelope,
    /// `[headers, items]`.
    WithHeaders,
}

/// The row of an action; natively only tests ask.
#[cfg(any(test, target_family = "wasm"))]
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.binary_search_by(|row| row.name.cmp(name))
        .ok()
        .and_then(|at| ROWS.get(at))
}

impl Route {
    /// The inputs in its path.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &'static str> {
        self.path.iter().filter_map(Piece::input)
    }
}

impl Piece {
    /// The input that it stands for.
    pub(crate) fn input(&self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::Segment(name)
            | Self::Rest(name)
            | Self::Stack(name)
            | Self::StackOrName(name) => Some(name),
        }
    }
}
