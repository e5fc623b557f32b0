//! Which task may lead to which, as the definition says it: found once for an execution.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use crate::lang::{Clauses, Join, Task, Workflow, WorkflowKind};

/// The tasks of a definition and what leads from one to the other.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Where the execution begins, of a direct workflow.
    pub(super) starts: Vec<Arc<str>>,
    /// The tasks before a task, each once, in the order of the document.
    inbound: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// The tasks after a task, each once.
    outbound: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// All that may lead to a join, over any number of tasks; worked out when it is first asked for.
    before_join: HashMap<Arc<str>, OnceLock<HashSet<Arc<str>>>>,
}

impl Graph {
    /// That of `spec`.
    pub(super) fn new(spec: &Workflow) -> Self {
        let mut graph = Self::default();
        let mut links = HashSet::new();
        for task in spec.tasks.values() {
            match spec.kind {
                WorkflowKind::Direct => {
                    for target in targets(task) {
                        if let Some((target, _)) = spec.tasks.get_key_value(target) {
                            graph.link(&mut links, &task.name, target);
                        }
                    }
                }
                WorkflowKind::Reverse => {
                    for before in &task.requires {
                        graph.link(&mut links, before, &task.name);
                    }
                }
            }
        }
        graph.starts = spec
            .tasks
            .keys()
            .filter(|name| graph.inbound(name).is_empty())
            .cloned()
            .collect();
        let joins = spec.tasks.values().filter(|task| task.join.is_some());
        graph.before_join = joins
            .map(|task| (Arc::clone(&task.name), OnceLock::new()))
            .collect();
        graph
    }

    /// The tasks that may lead to `name`.
    pub(super) fn inbound(&self, name: &str) -> &[Arc<str>] {
        self.inbound.get(name).map_or(&[], Vec::as_slice)
    }

    /// The tasks to which `name` may lead.
    pub(super) fn outbound(&self, name: &str) -> &[Arc<str>] {
        self.outbound.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether `name` is `join` or may lead to it, over any number of tasks.
    pub(super) fn leads_to_join(&self, name: &str, join: &str) -> bool {
        let before = self.before_join.get(join);
        let before = before.map(|before| before.get_or_init(|| self.all_before(join)));
        name == join || before.is_some_and(|before| before.contains(name))
    }

    /// How many tasks have to come in at `name`.
    pub(super) fn needed(&self, name: &str, join: Join) -> usize {
        match join {
            Join::All => self.inbound(name).len(),
            Join::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    fn link(&mut self, links: &mut HashSet<[Arc<str>; 2]>, from: &Arc<str>, to: &Arc<str>) {
        if links.insert([Arc::clone(from), Arc::clone(to)]) {
            let targets = self.outbound.entry(Arc::clone(from)).or_default();
            targets.push(Arc::clone(to));
            let sources = self.inbound.entry(Arc::clone(to)).or_default();
            sources.push(Arc::clone(from));
        }
    }

    fn all_before(&self, name: &str) -> HashSet<Arc<str>> {
        let mut found = HashSet::new();
        let mut open = self.inbound(name).to_vec();
        while let Some(name) = open.pop() {
            if !found.contains(&name) {
                open.extend(self.inbound(&name).iter().cloned());
                found.insert(name);
            }
        }
        found
    }
}

fn targets(task: &Task) -> impl Iterator<Item = &Arc<str>> {
    let clauses: [&Clauses; 4] = [
        &task.on_success,
        &task.on_error,
        &task.on_complete,
        &task.on_skip,
    ];
    clauses
        .into_iter()
        .flat_map(|clauses| clauses.next.iter().map(|next| &next.name))
}
