//! Random definitions: every clause and policy, in shapes that end.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use rand::{Rng as _, rngs::SmallRng, seq::IndexedRandom as _};

use crate::lang;

/// Workflows of one document; the first is the one that is run, and others are run by its tasks.
#[derive(Debug)]
pub(super) struct Definition {
    /// The document.
    pub(super) document: String,
    /// The workflows by name.
    pub(super) workflows: HashMap<String, Arc<lang::Workflow>>,
    /// Whether what it comes to depends on what is faster: then only the general rules are checked.
    pub(super) is_racy: bool,
}

/// One workflow in the making.
struct Draft<'r> {
    random: &'r mut SmallRng,
    text: String,
    is_racy: bool,
    /// The workflows that its tasks may run.
    callable: Vec<String>,
}

impl Definition {
    /// One that `random` decides.
    pub(super) fn random(random: &mut SmallRng) -> Self {
        let mut document = "version: '2.0'\n".to_owned();
        let mut callable = Vec::new();
        let mut is_racy = false;
        let count = random.random_range(1..=3);
        // The last is the one that is run: it may run those before it.
        for number in 0..count {
            let name = if number + 1 == count {
                "main".to_owned()
            } else {
                format!("sub{number}")
            };
            let mut draft = Draft {
                random,
                text: String::new(),
                is_racy: false,
                callable: callable.clone(),
            };
            draft.workflow(&name);
            is_racy |= draft.is_racy;
            document += &draft.text;
            callable.push(name);
        }
        let workflows = lang::workflows(&document).unwrap_or_else(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            panic!(
                "the simulator's definition is faulty:\n{document}\n{}",
                faults.join("\n")
            )
        });
        let workflows = workflows
            .into_iter()
            .map(|workflow| (workflow.name.to_string(), Arc::new(workflow)))
            .collect();
        Self {
            document,
            workflows,
            is_racy,
        }
    }
}

impl Draft<'_> {
    fn workflow(&mut self, name: &str) {
        let _ = writeln!(self.text, "{name}:");
        if self.chance(0.15) {
            self.reverse();
        } else {
            self.direct();
        }
    }

    fn chance(&mut self, of_one: f64) -> bool {
        self.random.random_bool(of_one)
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Each task requires some of those before it.
    fn reverse(&mut self) {
        let count = self.random.random_range(1..=5);
        self.line("  type: reverse");
        self.line("  tasks:");
        for task in 0..count {
            let _ = writeln!(self.text, "    t{task}:");
            self.callee();
            let required: Vec<String> = (0..task)
                .filter(|_| self.random.random_bool(0.5))
                .map(|before| format!("t{before}"))
                .collect();
            if !required.is_empty() {
                let _ = writeln!(self.text, "      requires: [{}]", required.join(", "));
            }
            self.policies();
            let _ = writeln!(
                self.text,
                "      publish:\n        v{task}: <% task().result %>"
            );
        }
    }

    /// Each task leads to some of those after it; a loop counts how often it was gone through.
    fn direct(&mut self) {
        let count: usize = self.random.random_range(1..=7);
        let is_looped = count > 1 && self.chance(0.1);
        if is_looped {
            self.line("  vars:");
            self.line("    n: 0");
        }
        if self.chance(0.2) {
            self.line("  output:");
            self.line("    all: <% $.keys().len() %>");
        }
        if self.chance(0.1) {
            self.line("  task-defaults:");
            self.line("    retry:\n      count: 1\n      delay: 0");
        }
        // Who leads to whom, decided first: joins need to know.
        let mut leads: Vec<Vec<(usize, &'static str)>> = vec![Vec::new(); count];
        let mut inbound = vec![0; count];
        for (from, leads) in leads.iter_mut().enumerate() {
            for (to, inbound) in inbound.iter_mut().enumerate().skip(from + 1) {
                if self.chance(0.45) {
                    let clauses = [
                        "on-success",
                        "on-success",
                        "on-error",
                        "on-complete",
                        "on-skip",
                    ];
                    let clause = clauses.choose(self.random).copied().unwrap_or("on-success");
                    leads.push((to, clause));
                    *inbound += 1;
                }
            }
        }
        // What may run several times comes in at a join again, before or after it has begun.
        let mut runs_again = vec![false; count];
        self.line("  tasks:");
        for task in 0..count {
            let _ = writeln!(self.text, "    t{task}:");
            self.callee();
            runs_again[task] |= is_looped && task == 1;
            if inbound[task] > 1 && self.chance(0.75) {
                self.is_racy |= runs_again[task];
                let join = match self.random.random_range(0..10) {
                    0 => "one".to_owned(),
                    1 if inbound[task] > 2 => "2".to_owned(),
                    _ => "all".to_owned(),
                };
                // The others that come in may be seen or not.
                self.is_racy |= join != "all";
                let _ = writeln!(self.text, "      join: {join}");
            } else {
                runs_again[task] |= inbound[task] > 1;
            }
            for (to, _) in &leads[task] {
                runs_again[*to] |= runs_again[task];
            }
            self.policies();
            if self.chance(0.5) {
                let _ = writeln!(
                    self.text,
                    "      publish:\n        v{task}: <% task().result %>"
                );
            }
            if self.chance(0.15) {
                let _ = writeln!(
                    self.text,
                    "      publish-on-error:\n        e{task}: failed"
                );
            }
            self.clauses(task, &leads[task], is_looped);
        }
    }

    fn callee(&mut self) {
        let workflow = self.callable.choose(self.random).cloned();
        match workflow {
            Some(name) if self.chance(0.25) => {
                let _ = writeln!(self.text, "      workflow: {name}");
                // A reverse one has to be told its task.
            }
            Some(_) | None => self.line("      action: std.echo output=1"),
        }
        if self.chance(0.2) {
            let count = self.random.random_range(0..=4);
            let items: Vec<String> = (0..count).map(|item: u32| item.to_string()).collect();
            let _ = writeln!(self.text, "      with-items: i in [{}]", items.join(", "));
            if self.chance(0.5) {
                let _ = writeln!(
                    self.text,
                    "      concurrency: {}",
                    self.random.random_range(1..=3)
                );
            }
        }
    }

    fn policies(&mut self) {
        if self.chance(0.2) {
            let _ = writeln!(
                self.text,
                "      retry:\n        count: {}\n        delay: {}",
                self.random.random_range(0..=2),
                self.random.random_range(0..=1)
            );
            if self.chance(0.2) {
                self.line("        break-on: <% task().result = 3 %>");
            }
            if self.chance(0.2) {
                self.line("        continue-on: <% task().result = 4 %>");
            }
        }
        if self.chance(0.1) {
            let _ = writeln!(
                self.text,
                "      wait-before: {}",
                self.random.random_range(0..=2)
            );
        }
        if self.chance(0.1) {
            let _ = writeln!(
                self.text,
                "      wait-after: {}",
                self.random.random_range(0..=2)
            );
        }
        if self.chance(0.1) {
            self.is_racy = true;
            let _ = writeln!(
                self.text,
                "      timeout: {}",
                self.random.random_range(1..=3)
            );
        }
        if self.chance(0.05) {
            self.line("      pause-before: true");
        }
        if self.chance(0.05) {
            self.line("      fail-on: <% task().result = 5 %>");
        }
        if self.chance(0.05) {
            self.line("      keep-result: false");
        }
    }

    fn clauses(&mut self, task: usize, leads: &[(usize, &'static str)], is_looped: bool) {
        for clause in ["on-success", "on-error", "on-complete", "on-skip"] {
            let mut next: Vec<String> = Vec::new();
            for (to, _) in leads.iter().filter(|(_, by)| *by == clause) {
                next.push(match self.random.random_range(0..8) {
                    0 => format!("t{to}: <% task(t{task}).state = SUCCESS %>"),
                    1 => format!("t{to}: <% $.get(v{task}, 0) != 1 %>"),
                    _ => format!("t{to}"),
                });
            }
            if is_looped && task == 1 && clause == "on-success" {
                next.push(
                    "t1: <% tasks(execution().id).where($.name = t1).len() < 3 %>".to_owned(),
                );
            }
            if self.chance(0.06) {
                let command = ["noop", "fail", "succeed", "pause"]
                    .choose(self.random)
                    .copied()
                    .unwrap_or("noop");
                // What else is under way may or may not have been done.
                self.is_racy |= matches!(command, "fail" | "succeed");
                next.push(command.to_owned());
            } else if clause == "on-error" && self.chance(0.3) {
                next.push("noop".to_owned());
            }
            if !next.is_empty() {
                let _ = writeln!(self.text, "      {clause}:");
                for name in next {
                    let _ = writeln!(self.text, "        - {name}");
                }
            }
        }
    }
}
