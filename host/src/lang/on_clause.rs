//! What is done at the end of a task: `on-success` and its like.

use super::{
    COMMANDS, Next, Publish, inline,
    reader::{self, Reader},
    spot::Spot,
};

/// One `on-…` member as it is written.
#[derive(Default)]
pub(super) struct OnClause<'s> {
    /// `publish` for the tasks after it.
    pub(super) branch: Option<Spot<'s>>,
    /// `publish` for all of the execution.
    pub(super) global: Option<Spot<'s>>,
    /// The same, no two tasks at a time.
    pub(super) atomic: Option<Spot<'s>>,
    /// What follows.
    pub(super) next: Vec<Next>,
}

impl Reader<'_> {
    /// Reads an `on-…` member.
    pub(super) fn on_clause<'s>(&mut self, spot: Spot<'s>) -> OnClause<'s> {
        let members = spot.as_members();
        let is_advanced = members.is_some_and(|members| {
            let mut members = members.iter();
            members.any(|member| matches!(member.name(), "publish" | "next"))
        });
        if !is_advanced {
            return OnClause {
                next: self.followers(spot),
                ..OnClause::default()
            };
        }
        let Some(members) = spot.members_of(&["publish", "next"], self.faults) else {
            return OnClause::default();
        };
        let publish = members
            .get("publish")
            .and_then(|spot| spot.members_of(&["branch", "global", "atomic"], self.faults));
        let next = members.get("next").map(|spot| self.followers(spot));
        let part = |name| publish.and_then(|publish| publish.get(name));
        OnClause {
            branch: part("branch"),
            global: part("global"),
            atomic: part("atomic"),
            next: next.unwrap_or_default(),
        }
    }

    /// What the clause publishes, and the task's own `publish` over it.
    pub(super) fn publish(&mut self, clause: &OnClause<'_>, own: Option<Spot<'_>>) -> Publish {
        let mut object = |spot: Option<Spot<'_>>| spot.and_then(|spot| spot.object(self.faults));
        let (global, atomic) = (object(clause.global), object(clause.atomic));
        let (branch, own_branch) = (object(clause.branch), object(own));
        let branch = match (branch, own_branch, own) {
            (Some(branch), Some(own_branch), Some(own)) => {
                let mut all = branch.source().clone();
                reader::overlay(&mut all, own_branch.source().clone());
                own.template_of(all, self.faults)
            }
            (branch, own_branch, _) => branch.or(own_branch),
        };
        Publish {
            branch,
            global,
            atomic,
        }
    }

    /// What follows: a name, a list of names, each maybe with a guard.
    fn followers(&mut self, spot: Spot<'_>) -> Vec<Next> {
        if let Some(items) = spot.as_items() {
            if items.len() == 0 {
                self.faults.add(spot, "must not be empty");
            }
            return items.filter_map(|item| self.follower(item)).collect();
        }
        self.follower(spot).into_iter().collect()
    }

    fn follower(&mut self, spot: Spot<'_>) -> Option<Next> {
        if let Some(text) = spot.as_text() {
            return self.next(text, spot, None);
        }
        let Some(members) = spot.as_members() else {
            let message = format!(
                "must be a task's name, or an object of a name and its condition, but is {}",
                spot.kind()
            );
            self.faults.add(spot, message);
            return None;
        };
        let mut members = members.iter();
        let (Some(member), None) = (members.next(), members.next()) else {
            let message =
                "must have one task and its condition; put each task into an item of its own";
            self.faults.add(spot, message);
            return None;
        };
        if !member.as_text().is_some_and(inline::is_expression) {
            let message = "the condition of a task must be an expression, `<% … %>` or `{{ … }}`";
            self.faults.add(member, message);
            return None;
        }
        self.next(member.name(), member, Some(member))
    }

    fn next(&mut self, text: &str, spot: Spot<'_>, guard: Option<Spot<'_>>) -> Option<Next> {
        let (name, mut inputs) = match inline::call(text) {
            Ok(call) => call,
            Err(message) => {
                self.follower_fault(spot, guard, message);
                return None;
            }
        };
        if !self.tasks.contains(name) && !COMMANDS.contains(&name) {
            let message = self.unknown_task(name, &COMMANDS);
            self.follower_fault(spot, guard, message);
            return None;
        }
        let message = inputs.remove("msg");
        if let Some((input, _)) = inputs.iter().next() {
            let message =
                format!("`{input}` means nothing here: only engine commands take an input, `msg`");
            self.follower_fault(spot, guard, message);
        }
        let message = message.and_then(|message| spot.template_of(message, self.faults));
        let guard = match guard {
            Some(spot) => Some(spot.template(self.faults)?),
            None => None,
        };
        Some(Next {
            name: name.into(),
            guard,
            message,
        })
    }
    /// Adds a fault of a follower's name, which is a member's when it has a condition.
    fn follower_fault(&mut self, spot: Spot<'_>, guard: Option<Spot<'_>>, message: String) {
        if guard.is_some() {
            self.faults.add_name(spot, message);
        } else {
            self.faults.add(spot, message);
        }
    }
}
