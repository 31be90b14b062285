//! Who lets something be done: an administrator by their password, or a key by its scope.

use std::sync::Arc;

use guitai_core::{ids::AccountId, normal, secret::SecretText};
use guitai_http::{
    bearer::{Principal, Scope},
    dto,
    problem::{Code, Problem},
};

use crate::{app::App, refusal};

/// The administrator whose password was given; a key of scope `refund` needs none.
pub(super) async fn approver(
    app: &Arc<App>,
    who: &Principal,
    named: Option<dto::Approver>,
) -> Result<Option<AccountId>, Problem> {
    match (named, who) {
        (Some(named), _) => administrator(app, who, named).await.map(Some),
        (None, Principal::Key(_)) => who.require(Scope::Refund).map(|()| None),
        (None, Principal::Person(_)) => {
            let missing = Problem::new(Code::ApproverWrongPassword).field("approver");
            Err(missing.detail("需要管理员账号和密码。", "An administrator's account and password are needed."))
        }
    }
}

/// Checks an administrator's password. What is guessed here is counted for who asks, and locks nobody's log-in.
pub(super) async fn administrator(app: &Arc<App>, who: &Principal, named: dto::Approver) -> Result<AccountId, Problem> {
    let (account, password) = (normal::typed(&named.account), SecretText::new(named.password));
    let find = async |account: &AccountId| app.account(account).await;
    let Some(row) = app.log_ins.approve(&who.caller(), (&account, password), app.now().up, find).await? else {
        return Err(Problem::new(Code::ApproverWrongPassword).field("approver.password"));
    };
    if row.role != "administrator" {
        return Err(Problem::new(Code::ApproverNotAllowed).field("approver.account"));
    }
    AccountId::parse(&row.account).map_err(refusal::name("approver.account"))
}
