//! What the hub says of this box: by the papers it keeps, and live where a stopped node's session heard it.

use super::HubObservation;
use super::hub::{self, HubRefusal};
use super::verdict::{Verdict, Words};

/// What the box's papers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MembershipObservation {
    /// What stands against this box.
    pub(crate) refusal: Option<HubRefusal>,
    /// Whether the hub ever said anything to it.
    pub(crate) heard: bool,
    /// Since when the signed entry says so: milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
}

/// Judges the papers, and what a session heard. `told`: the hub's own line already says what it heard.
pub(super) fn judge(kept: &MembershipObservation, session: Option<HubObservation>, told: bool) -> Verdict {
    let about = |refusal| {
        let verdict = hub::refused(refusal);
        Verdict { code: code(refusal), ..verdict }.since(kept.since_ms)
    };
    match session {
        Some(HubObservation::Refused(_) | HubObservation::ForeignKey) if told => {
            Verdict::not_tested("membership.see_hub", Words::new("见“hub”一行", "see the line of \"hub\""))
        }
        Some(HubObservation::Refused(refusal)) => about(refusal),
        Some(HubObservation::ForeignKey) => hub::foreign_key("membership.other_hub"),
        Some(HubObservation::Session { .. }) => {
            Verdict::good("membership.ok", Words::new("总部认本机", "the hub lets this box in"))
        }
        Some(HubObservation::NoAnswer) | None => match kept.refusal {
            Some(refusal) => about(refusal),
            None if kept.heard => {
                let words = Words::new("总部上次认本机", "the hub let this box in the last time");
                Verdict::good("membership.ok_last", words)
            }
            None => Verdict::not_tested(
                "membership.never_heard",
                Words::new("没测：总部还没有说过话", "not tested: the hub has said nothing yet"),
            ),
        },
    }
}

const fn code(refusal: HubRefusal) -> &'static str {
    match refusal {
        HubRefusal::Unknown => "membership.unknown",
        HubRefusal::Revoked => "membership.revoked",
        HubRefusal::WrongStore => "membership.wrong_store",
        HubRefusal::EnrolOnly => "membership.not_enrolled",
        HubRefusal::Replaced => "membership.replaced",
        HubRefusal::Duplicate => "membership.duplicate",
        HubRefusal::Later => "membership.busy",
        HubRefusal::Forked => "membership.forked",
        HubRefusal::Unfillable => "membership.unfillable",
        HubRefusal::Protocol => "membership.protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::{Blame, Mark, Who};
    use super::*;

    #[test]
    fn judged() {
        use HubObservation::{ForeignKey, NoAnswer, Refused};
        let (store, hq) = (Some(Blame::Clear(Who::Store)), Some(Blame::Clear(Who::Headquarters)));
        let kept = |refusal| MembershipObservation { refusal, heard: true, since_ms: None };
        let stood = Some(HubObservation::Session { handshake_ms: 1 });
        let revoked = Some(HubRefusal::Revoked);
        let table = [
            (kept(None), stood, Mark::Good, "membership.ok", None),
            (kept(revoked), stood, Mark::Good, "membership.ok", None),
            (kept(None), Some(NoAnswer), Mark::Good, "membership.ok_last", None),
            (MembershipObservation::default(), None, Mark::NotTested, "membership.never_heard", None),
            (kept(revoked), Some(NoAnswer), Mark::Failed, "membership.revoked", hq),
            (kept(Some(HubRefusal::Replaced)), None, Mark::Failed, "membership.replaced", hq),
            (kept(Some(HubRefusal::Duplicate)), None, Mark::Failed, "membership.duplicate", store),
            (kept(Some(HubRefusal::Forked)), None, Mark::Failed, "membership.forked", hq),
            (kept(Some(HubRefusal::Unfillable)), None, Mark::Failed, "membership.unfillable", hq),
            (kept(Some(HubRefusal::Unknown)), None, Mark::Failed, "membership.unknown", hq),
            (kept(Some(HubRefusal::WrongStore)), None, Mark::Failed, "membership.wrong_store", hq),
            (kept(Some(HubRefusal::EnrolOnly)), None, Mark::Failed, "membership.not_enrolled", hq),
            (kept(None), Some(Refused(HubRefusal::Revoked)), Mark::Failed, "membership.revoked", hq),
            (kept(None), Some(Refused(HubRefusal::Protocol)), Mark::Failed, "membership.protocol", hq),
            (kept(None), Some(Refused(HubRefusal::Later)), Mark::Poor, "membership.busy", hq),
            (kept(None), Some(ForeignKey), Mark::Failed, "membership.other_hub", hq),
        ];
        for (kept, session, mark, code, blame) in table {
            let verdict = judge(&kept, session, false);
            assert_eq!((verdict.mark, verdict.code, verdict.blame), (mark, code, blame), "{kept:?} {session:?}");
            assert_eq!(verdict.remedy.is_some(), matches!(mark, Mark::Poor | Mark::Failed), "{code}");
        }
        for heard in [Refused(HubRefusal::Revoked), ForeignKey] {
            assert_eq!(judge(&kept(revoked), Some(heard), true).code, "membership.see_hub");
        }
        let since = MembershipObservation { since_ms: Some(7), ..kept(revoked) };
        assert_eq!(judge(&since, None, false).since_ms, Some(7));
    }
}
