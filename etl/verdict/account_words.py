"""Recognises refusals about the account, its key or the API, not about events: suspended, over its quota, too busy.

The rule: the words are read after the values that were sent have been removed, so that no row's text can stop a run,
but before unknown words are masked, because `AccountDisabled` would be masked too.
"""

from __future__ import annotations

import re
from enum import Enum, unique

# In English, Dutch, German, French and Spanish.
_ACCOUNT = (
    r"(?:account|subscription|licen[cs]e|contract|plan|package|trial|tenant|workspace|api ?key|token"
    r"|channel|api access|abonnement|licentie|pakket|proefperiode|konto|lizenz|vertrag|probezeit|testphase"
    r"|testzeitraum|compte|contrat|essai|cuenta|suscripci[óo]n|licencia|prueba)"
)
_CLOSED = (
    r"(?:suspended|disabled|deactivated|blocked|locked|expired|inactive|closed|frozen|terminated|cancell?ed|revoked"
    r"|paused|not (?:been )?(?:active|activated|enabled|paid)|no longer (?:active|valid|available)|unpaid|overdue"
    r"|past due|on hold|ended|(?:is|are) over|lapsed|archived|restricted|banned|afgelopen|gestopt|niet betaald"
    r"|geblokkeerd|opgeschort|geschorst|gedeactiveerd|uitgeschakeld|verlopen|be[ëe]indigd|afgesloten|opgezegd|inactief"
    r"|gesperrt|deaktiviert|abgelaufen|gek[üu]ndigt|ausgesetzt|inaktiv|beendet"
    r"|suspendue?|d[ée]sactiv[ée]e?|bloqu[ée]e?|expir[ée]e?|r[ée]sili[ée]e?|termin[ée]e?"
    r"|suspendid[oa]|desactivad[oa]|bloquead[oa]|caducad[oa]|terminad[oa])"
)
_INVOICE = r"(?:invoices?|bills?|factuur|facturen|rechnung(?:en)?|factures?|facturas?)"
_QUOTA = (
    r"(?:quota|credits?|allowance|(?:monthly|daily|hourly|yearly|usage|plan|account|event|profile|request|call|api|rate)s?"
    r" limit|(?:limit|maximum|max|(?:maximum )?number) (?:of|on|for) (?:\w+ )?(?:events|profiles|requests|calls)"
    r"|funds|(?:dag|maand|jaar|account|gebruiks|api)[- ]?limiet|tegoed|kontingent|guthaben|(?:tages|monats)limit|cuota)"
)
_USED_UP = (
    r"(?:exceed(?:ed|s)?|reached|exhausted|used up|depleted|over|insufficient|not enough|no more|out of|ran out|full"
    r"|overschreden|bereikt|verbruikt|uitgeput|onvoldoende|[üu]berschritten|erreicht|ersch[öo]pft|aufgebraucht"
    r"|d[ée]pass[ée]e?|atteinte?|[ée]puis[ée]e?|superad[oa]|excedid[oa]|agotad[oa])"
)
# Bounded, so that a hostile text costs only linear time; does not cross the end of a sentence.
_NEAR = r"[^.;!?]{0,40}"
_SUSPENDED = re.compile(
    rf"\b{_ACCOUNT}\b{_NEAR}\b{_CLOSED}\b|\b{_CLOSED}\b (?:\w+ ){{0,2}}{_ACCOUNT}\b"
    rf"|\bno (?:active|valid) {_ACCOUNT}\b|\b(?:subscription|licen[cs]e|upgrade) required\b"
    r"|\bpayment (?:method )?(?:is |has )?(?:required|due|overdue|past due|failed|declined)\b|\bnon[ -]?payment\b"
    rf"|\b(?:unpaid|outstanding|overdue|openstaande|onbetaalde|offene|unbezahlte) {_INVOICE}\b"
    rf"|\b{_INVOICE} (?:\w+ ){{0,2}}(?:unpaid|overdue|outstanding|not paid|niet betaald|nicht bezahlt)\b"
    rf"|\b{_ACCOUNT} (?:does|do) not (?:include|allow|cover)\b"
    rf"|\bnot (?:included|available|allowed|enabled) (?:in|on|for|with|by) (?:your|this|the) (?:\w+ )?{_ACCOUNT}\b"
    rf"|\bupgrade (?:(?:your|the|to|a|an|paid|higher|uw|je) )+{_ACCOUNT}\b"
)
_OVER_QUOTA = re.compile(
    rf"\b{_QUOTA}\b{_NEAR}\b{_USED_UP}\b|\b{_USED_UP}\b (?:\w+ ){{0,3}}{_QUOTA}\b"
    rf"|\bno (?:more )?{_QUOTA} (?:left|remaining|available)\b"
    rf"|\b(?:exceed(?:ed|s)?|reached) (?:\w+ ){{0,6}}(?:your|the|this) (?:\w+ )?(?:plan|subscription|package|quota)\b"
)
_BUSY = re.compile(
    r"\btoo many (?:requests|calls)\b|\bthrottl(?:ed|ing)\b|\b(?:try|retry) (?:again )?later\b|\bslow down\b"
    r"|\b(?:temporarily|service|currently) unavailable\b|\b(?:under|in|for) maintenance\b|\bmaintenance mode\b"
    r"|\brate[ -]?limit|\blimit (?:\w+ ){0,3}per (?:second|minute)\b"
    r"|\bte veel verzoeken\b|\bprobeer het later\b|\bzu viele anfragen\b|\btrop de requ[êe]tes\b"
)
_KEY = re.compile(
    r"\b(?:unauthori[sz]ed|unauthenticated|access denied|not logged in)\b"
    r"|\b(?:authentication|authori[sz]ation) (?:has |is )?(?:failed|required|missing|invalid)\b"
    r"|\b(?:invalid|wrong|incorrect|unknown|missing|ongeldige|onbekende) (?:api ?key|credentials|api ?sleutel)\b"
    r"|\b(?:api ?key|credentials|api ?sleutel) (?:is |are )?"
    r"(?:invalid|wrong|incorrect|unknown|missing|ongeldig|not (?:valid|found|known))\b"
)
_TROUBLE = re.compile(
    r"\binternal (?:server )?error\b|\bserver error\b|\bdeadlock\b|\block wait timeout\b|\bdatabase (?:error|is down)\b"
    r"|\bsomething went wrong\b|\bunexpected error\b|\bbad gateway\b|\bfatal error\b|\bserver has gone away\b"
    r"|\bconnection (?:was )?(?:refused|reset|lost|closed|aborted)\b|\bsqlstate\b|\bserialization failure\b"
    r"|\b(?:gateway|request|query|connection) timed? ?-?out\b|\bmaximum execution time\b"
    r"|\bout of memory\b|\bmemory size\b[^.;!?]{0,40}\bexhausted\b|\bno space left\b"
    r"|\b(?:unhandled|uncaught) (?:exception|error)\b|\b(?:query|pdo|database) exception\b"
)
_BREAK_IN_CODE = re.compile(r"[_-]+|(?<=[a-z])(?=[A-Z])")


@unique
class AccountTrouble(Enum):
    """What an answer may say about the whole account, or about the API itself."""

    SUSPENDED = "suspended"
    OVER_QUOTA = "over its quota"
    BUSY = "too busy"
    KEY = "its key refused"
    SERVER = "in trouble itself"


# The same by the HTTP status that an answer repeats in its body.
_BY_STATUS = {
    401: AccountTrouble.KEY,
    402: AccountTrouble.OVER_QUOTA,
    403: AccountTrouble.KEY,
    429: AccountTrouble.BUSY,
}


def trouble_of_status(status: int | None) -> AccountTrouble | None:
    """What an HTTP status in a body says about the account or the API; None if it is about events."""
    if status is not None and status >= 500:
        return AccountTrouble.SERVER
    return _BY_STATUS.get(status or 0)


def account_trouble(*texts: str) -> AccountTrouble | None:
    """What a refusal's `texts` say about the account; None if they are about events, or not recognised."""
    for text in texts:
        words = _BREAK_IN_CODE.sub(" ", text).casefold()
        if _BUSY.search(words):
            return AccountTrouble.BUSY
        if _OVER_QUOTA.search(words):
            return AccountTrouble.OVER_QUOTA
        if _SUSPENDED.search(words):
            return AccountTrouble.SUSPENDED
        if _KEY.search(words):
            return AccountTrouble.KEY
        if _TROUBLE.search(words):
            return AccountTrouble.SERVER
    return None
