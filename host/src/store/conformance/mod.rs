//! What every store must do, whatever keeps it: one suite, run on each backend.

mod jobs;
mod lists;
mod model;
mod pages;
mod random;
mod records;
mod usage;

use uuid::Uuid;

use super::{Commit, Error, Kind, Query, Record, Store, Write};
use crate::domain::{Order, ProjectId, Tallies, Tally};

pub(super) use self::{
    jobs::*, lists::pages_agree_with_model, pages::*, random::agree_with_model, records::*,
    usage::*,
};

/// One test for each case of the suite; `$open` makes an empty store and what must outlive it.
macro_rules! suite {
    ($open:path) => {
        $crate::store::conformance::suite! { @each $open:
            a_record_is_found_as_it_was_put,
            a_long_record_is_found_as_it_was_put_and_leaves_nothing,
            a_record_is_created_once,
            a_stale_update_or_deletion_is_a_conflict,
            a_refused_commit_leaves_nothing,
            later_writes_of_a_commit_see_the_earlier_ones,
            one_of_many_concurrent_updates_wins,
            a_unique_value_has_one_holder,
            lists_go_by_project_and_index_in_both_orders,
            an_update_moves_a_record_between_lists,
            markers_need_not_exist,
            lists_go_by_the_values_of_an_index_key_in_every_direction,
            a_record_that_moves_within_an_index_is_listed_where_it_is,
            pages_neither_skip_nor_repeat_while_others_write,
            a_job_is_claimed_once_among_many_claimers,
            jobs_are_claimed_when_due_and_in_that_order,
            an_expired_lease_gives_the_job_to_another_with_the_next_attempt,
            a_late_finish_is_refused_with_everything_beside_it,
            a_renewed_lease_holds_and_a_lost_one_is_told,
            a_cancelled_job_is_nobodys,
            projects_give_their_jobs_in_turn,
            the_next_claim_begins_after_whose_turn_it_was,
            a_project_gives_no_more_jobs_than_there_is_room_for,
            the_jobs_of_a_project_are_counted,
            what_a_project_has_is_counted_with_each_commit,
            a_commit_that_grows_beyond_a_limit_changes_nothing,
            what_does_not_grow_is_not_refused,
            of_many_concurrent_commits_as_many_as_allowed_are_done,
            projects_that_have_something_are_listed_in_pages,
        }
    };
    (@each $open:path: $($case:ident,)*) => {
        $(#[tokio::test]
        async fn $case() {
            let (store, _folder) = $open();
            $crate::store::conformance::$case(&store).await;
        })*
    };
}
pub(super) use suite;

/// A record of an action execution in its first version.
fn record(id: u128, project: Option<&str>, name: &str, state: &str) -> Record {
    Record {
        kind: Kind::ActionExecution,
        id: Uuid::from_u128(id),
        age: Uuid::from_u128(id),
        project: project.map(ProjectId::new),
        version: 1,
        body: format!("{id} {name}").into_bytes(),
        index_keys: vec![("name", name.to_owned()), ("state", state.to_owned())],
        tallies: Tallies::default().with(Tally::Modules, 1),
    }
}

fn all() -> Query {
    Query {
        kind: Kind::ActionExecution,
        project: None,
        index: None,
        sort: None,
        order: Order::Ascending,
        after: None,
        limit: 1000,
    }
}

async fn put(store: &dyn Store, records: &[Record]) {
    let commit = records.iter().fold(Commit::new(), |commit, record| {
        commit.and(Write::Put(record.clone()))
    });
    store.commit(commit).await.unwrap();
}

async fn list(store: &dyn Store, query: Query) -> Vec<u128> {
    let records = store.list(query).await.unwrap();
    records.iter().map(|record| record.id.as_u128()).collect()
}

fn is_conflict(outcome: &Result<(), Error>, on: &Record) -> bool {
    matches!(outcome, Err(Error::Conflict { kind, id }) if *kind == on.kind && *id == on.id)
}
