//! No authentication: everybody is the same caller, and no admin.

use crate::domain::ProjectId;

use super::Caller;

/// The project of everybody, by Mistral's name.
const PROJECT: &str = "<default-project>";

pub(super) fn caller() -> Caller {
    Caller {
        project_id: ProjectId::new(PROJECT),
        user_id: None,
        user_name: None,
        user_domain_id: None,
        project_domain_id: None,
        roles: Vec::new(),
        is_admin: false,
        home: None,
    }
}
