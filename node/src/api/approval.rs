//! Who lets something be done: an administrator by their password, or a key by its scope.

use std::{net::IpAddr, sync::Arc};

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
    from: IpAddr,
) -> Result<Option<AccountId>, Problem> {
    match (named, who) {
        (Some(named), _) => administrator(app, named, from).await.map(Some),
        (None, Principal::Key(_)) => who.require(Scope::Refund).map(|()| None),
        (None, Principal::Person(_)) => {
            let missing = Problem::new(Code::ApproverWrongPassword).field("approver");
            Err(missing.detail("需要管理员账号和密码。", "An administrator's account and password are needed."))
        }
    }
}

/// Checks an administrator's password.
pub(super) async fn administrator(app: &Arc<App>, named: dto::Approver, from: IpAddr) -> Result<AccountId, Problem> {
    let (account, password) = (normal::typed(&named.account), SecretText::new(named.password));
    let Some(row) = app.sign_in(&account, password, from).await? else {
        return Err(Problem::new(Code::ApproverWrongPassword).field("approver.password"));
    };
    if row.role != "administrator" {
        return Err(Problem::new(Code::ApproverNotAllowed).field("approver.account"));
    }
    AccountId::parse(&row.account).map_err(refusal::name("approver.account"))
}
