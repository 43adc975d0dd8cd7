//! What is said of each notice.

use callboard_shared::domain::Locale;
use callboard_shared::jobs::Notice;

/// What is said of a notice. Free of what HTML escapes.
pub(super) struct Words {
    pub(super) subject: &'static str,
    /// What was done, and what follows from it.
    pub(super) happened: &'static str,
    /// What to do about it.
    pub(super) advice: &'static str,
}

pub(super) const fn of(notice: Notice, locale: Locale) -> Words {
    match locale {
        Locale::En => english(notice),
        Locale::Ko => korean(notice),
    }
}

const fn english(notice: Notice) -> Words {
    /// For what its owner may well have done.
    macro_rules! if_not_you {
        ($advice:literal) => {
            concat!("If this was you, there is nothing to do. If it was not, ", $advice)
        };
    }
    let (subject, happened, advice) = match notice {
        Notice::PasswordChanged => (
            "Your password was changed",
            "The password of your Callboard account was changed.",
            if_not_you!("reset your password at once and tell an administrator."),
        ),
        Notice::PasswordReset => (
            "Your password was reset",
            "The password of your Callboard account was reset with a link from an email, and all devices were logged out.",
            if_not_you!(
                "somebody can probably read your email: change the password of your mailbox first, then reset that of Callboard again."
            ),
        ),
        Notice::EmailChanged => (
            "Your email address was changed",
            "The email address of your Callboard account was changed. Emails about the account now go to the new address.",
            if_not_you!("tell an administrator at once."),
        ),
        Notice::EmailChangeRequested => (
            "Your email address is about to change",
            "We received a request to change the email address of your Callboard account. It will change once the new address is confirmed.",
            if_not_you!("change your password at once: somebody else knows it."),
        ),
        Notice::RefreshTokenReused => (
            "You were logged out for your safety",
            "A login of your Callboard account was used from two places, so it may have been copied. We have logged that device out.",
            "Please log in again on the device that was logged out. If your list of sessions shows a device that is not yours, log it out and change your password.",
        ),
        Notice::FailedLogins => (
            "Failed attempts to log in",
            "Somebody tried several times to log in to your Callboard account and failed. Further attempts are slowed down for a while.",
            "If this was you, please wait a little before you try again. If it was not, these attempts were all turned away; if you use your password anywhere else, choose another, and consider turning on two-step login.",
        ),
        Notice::TotpEnabled => (
            "Two-step login was turned on",
            "Two-step login was turned on for your Callboard account. From now on, login asks for a code from the authenticator app.",
            if_not_you!("tell an administrator at once."),
        ),
        Notice::TotpDisabled => (
            "Two-step login was turned off",
            "Two-step login was turned off for your Callboard account. From now on, login asks for no code.",
            if_not_you!("change your password at once and turn two-step login on again."),
        ),
        Notice::RecoveryCodeUsed => (
            "A recovery code was used",
            "A recovery code was used in place of a code from the authenticator app of your Callboard account. It can not be used again.",
            if_not_you!("change your password at once and make new recovery codes."),
        ),
        Notice::IdentityLinked => (
            "Another account was linked to yours",
            "An account of another provider was linked to your Callboard account. From now on, it can be used to log in.",
            if_not_you!("unlink it and change your password."),
        ),
        Notice::ApiKeyCreated => (
            "An API key was created",
            "An API key was created for your Callboard account. Programs that have it can act for you.",
            if_not_you!("delete the key and change your password."),
        ),
    };
    Words { subject, happened, advice }
}

const fn korean(notice: Notice) -> Words {
    /// For what its owner may well have done.
    macro_rules! if_not_you {
        ($advice:literal) => {
            concat!("본인이 하신 일이라면 별도로 조치하실 필요가 없습니다. ", $advice)
        };
    }
    let (subject, happened, advice) = match notice {
        Notice::PasswordChanged => (
            "비밀번호가 변경되었습니다",
            "Callboard 계정의 비밀번호가 변경되었습니다.",
            if_not_you!("변경하신 적이 없다면 즉시 비밀번호를 재설정하고 관리자에게 알려 주세요."),
        ),
        Notice::PasswordReset => (
            "비밀번호가 재설정되었습니다",
            "메일로 발송된 링크를 통해 Callboard 계정의 비밀번호가 재설정되었으며, 모든 기기에서 로그아웃되었습니다.",
            if_not_you!(
                "재설정하신 적이 없다면 다른 사람이 메일함에 접근했을 수 있습니다. 먼저 메일 계정의 비밀번호를 변경하신 뒤 Callboard 비밀번호를 다시 재설정해 주세요."
            ),
        ),
        Notice::EmailChanged => (
            "이메일 주소가 변경되었습니다",
            "Callboard 계정의 이메일 주소가 변경되었습니다. 앞으로 계정 관련 메일은 새 주소로 발송됩니다.",
            if_not_you!("변경하신 적이 없다면 즉시 관리자에게 알려 주세요."),
        ),
        Notice::EmailChangeRequested => (
            "이메일 주소 변경이 요청되었습니다",
            "Callboard 계정의 이메일 주소를 변경해 달라는 요청을 받았습니다. 새 주소에서 인증을 마치면 변경이 완료됩니다.",
            if_not_you!(
                "요청하신 적이 없다면 다른 사람이 비밀번호를 알고 있을 수 있으니 즉시 비밀번호를 변경해 주세요."
            ),
        ),
        Notice::RefreshTokenReused => (
            "안전을 위해 로그아웃되었습니다",
            "Callboard 계정의 로그인 정보가 두 곳에서 사용되었습니다. 로그인 정보가 유출되었을 수 있어 해당 기기를 로그아웃했습니다.",
            "로그아웃된 기기에서 다시 로그인해 주세요. 로그인된 기기 목록에 본인의 것이 아닌 기기가 있다면 해당 기기를 로그아웃하고 비밀번호를 변경해 주세요.",
        ),
        Notice::FailedLogins => (
            "로그인 시도가 여러 번 실패했습니다",
            "Callboard 계정에 로그인하려는 시도가 여러 번 실패했습니다. 당분간 로그인 시도 간격이 제한됩니다.",
            "본인이 시도하셨다면 잠시 후 다시 로그인해 주세요. 본인이 아니라면, 실패한 시도는 모두 차단되었으니 안심하셔도 됩니다. 같은 비밀번호를 다른 서비스에서도 사용하고 계시다면 변경하시고, 2단계 인증 설정을 권장합니다.",
        ),
        Notice::TotpEnabled => (
            "2단계 인증이 설정되었습니다",
            "Callboard 계정에 2단계 인증이 설정되었습니다. 이제 로그인할 때 인증 앱의 코드가 필요합니다.",
            if_not_you!("설정하신 적이 없다면 즉시 관리자에게 알려 주세요."),
        ),
        Notice::TotpDisabled => (
            "2단계 인증이 해제되었습니다",
            "Callboard 계정의 2단계 인증이 해제되었습니다. 이제 로그인할 때 인증 앱의 코드가 필요하지 않습니다.",
            if_not_you!("해제하신 적이 없다면 즉시 비밀번호를 변경하고 2단계 인증을 다시 설정해 주세요."),
        ),
        Notice::RecoveryCodeUsed => (
            "복구 코드가 사용되었습니다",
            "Callboard 계정에서 인증 앱의 코드 대신 복구 코드가 사용되었습니다. 사용된 복구 코드는 다시 사용할 수 없습니다.",
            if_not_you!("사용하신 적이 없다면 즉시 비밀번호를 변경하고 복구 코드를 새로 발급받아 주세요."),
        ),
        Notice::IdentityLinked => (
            "외부 계정이 연결되었습니다",
            "Callboard 계정에 외부 서비스의 계정이 연결되었습니다. 이제 연결된 계정으로도 로그인할 수 있습니다.",
            if_not_you!("연결하신 적이 없다면 연결을 해제하고 비밀번호를 변경해 주세요."),
        ),
        Notice::ApiKeyCreated => (
            "API 키가 발급되었습니다",
            "Callboard 계정에서 API 키가 발급되었습니다. 이 키를 가진 프로그램은 회원님을 대신하여 작업할 수 있습니다.",
            if_not_you!("발급하신 적이 없다면 키를 삭제하고 비밀번호를 변경해 주세요."),
        ),
    };
    Words { subject, happened, advice }
}
