"""Words of an account that is suspended or over its quota, told apart from words about a row."""

from __future__ import annotations

import orjson
import pytest

from etl.verdict.account_words import AccountTrouble, account_trouble
from etl.verdict.answer import Answer
from etl.verdict.judge import Refused, TryAgain, judge

SUSPENDED, OVER_QUOTA, BUSY = AccountTrouble.SUSPENDED, AccountTrouble.OVER_QUOTA, AccountTrouble.BUSY
TOLD = [
    ("Account suspended", SUSPENDED),
    ("ACCOUNT_SUSPENDED", SUSPENDED),
    ("Your subscription has expired", SUSPENDED),
    ("This account is not active", SUSPENDED),
    ("Suspended account", SUSPENDED),
    ("Licence inactive", SUSPENDED),
    ("account deactivated", SUSPENDED),
    ("API key revoked", SUSPENDED),
    ("Payment required", SUSPENDED),
    ("Monthly quota exceeded", OVER_QUOTA),
    ("QUOTA_EXCEEDED", OVER_QUOTA),
    ("You have reached your monthly limit", OVER_QUOTA),
    ("credits used up", OVER_QUOTA),
    ("insufficient credits", OVER_QUOTA),
    ("usage limit exceeded for this month", OVER_QUOTA),
    ("Your trial has ended", SUSPENDED),
    ("TRIAL_EXPIRED", SUSPENDED),
    ("The trial period is over", SUSPENDED),
    ("Your subscription is no longer active", SUSPENDED),
    ("No active subscription found", SUSPENDED),
    ("SUBSCRIPTION_REQUIRED", SUSPENDED),
    ("Your plan does not include API access", SUSPENDED),
    ("This is not included in your plan", SUSPENDED),
    ("Please upgrade your plan", SUSPENDED),
    ("API access disabled", SUSPENDED),
    ("You have an unpaid invoice", SUSPENDED),
    ("Invoice is not paid", SUSPENDED),
    ("The account is on hold", SUSPENDED),
    ("Payment failed", SUSPENDED),
    ("You have exceeded the number of events in your plan", OVER_QUOTA),
    ("Maximum number of events reached for this month", OVER_QUOTA),
    ("You have no credits left", OVER_QUOTA),
    ("Not enough credits", OVER_QUOTA),
]
ELSEWHERE = [
    ("Uw account is geblokkeerd", SUSPENDED),
    ("Het abonnement is verlopen", SUSPENDED),
    ("Konto gesperrt", SUSPENDED),
    ("Compte suspendu", SUSPENDED),
    ("La cuenta está suspendida", SUSPENDED),
    ("Quota overschreden", OVER_QUOTA),
    ("De maandlimiet is bereikt", OVER_QUOTA),
    ("onvoldoende tegoed", OVER_QUOTA),
    ("Kontingent erschöpft", OVER_QUOTA),
    ("quota dépassé", OVER_QUOTA),
    ("Uw proefperiode is afgelopen", SUSPENDED),
    ("Factuur niet betaald", SUSPENDED),
    ("Openstaande facturen", SUSPENDED),
    ("Testphase beendet", SUSPENDED),
    ("Période d'essai terminée", SUSPENDED),
    ("Prueba terminada", SUSPENDED),
]
TOO_BUSY = [
    ("Too many requests", BUSY),
    ("TOO_MANY_REQUESTS", BUSY),
    ("Request was throttled", BUSY),
    ("Please try again later", BUSY),
    ("The service is under maintenance", BUSY),
    ("Service unavailable", BUSY),
    ("Te veel verzoeken, probeer het later nog eens", BUSY),
]
OF_THE_KEY = [
    ("Unauthorized", AccountTrouble.KEY),
    ("UNAUTHENTICATED", AccountTrouble.KEY),
    ("Invalid API key", AccountTrouble.KEY),
    ("invalidApiKey", AccountTrouble.KEY),
    ("Ongeldige API sleutel", AccountTrouble.KEY),
    ("The credentials are invalid", AccountTrouble.KEY),
    ("Authentication failed", AccountTrouble.KEY),
]
OF_THE_SERVER = [
    ("Internal server error", AccountTrouble.SERVER),
    ("INTERNAL_ERROR", AccountTrouble.SERVER),
    ("Deadlock found when trying to get lock", AccountTrouble.SERVER),
    ("Something went wrong", AccountTrouble.SERVER),
]
OTHER = [
    "TIMESTAMP_ERROR",
    "authorized by the customer",
    "invalid key for a product",
    "an api key, valid for one event",
    "Field email is wrong",
    "unknown account number",
    "expired",
    "the limit",
    "token is invalid",
    "De waarde van het veld is verlopen",
    "Feld limit erreicht",
    "unknown field maintenance",
    "too many products",
    "the date lies later",
    "plan is required",
    "unknown value for trial",
    "subscription is required",
    "subscription must be yes or no",
    "coupon expired",
    "value has ended",
    "limit of 255 characters exceeded",
    "maximum number of products reached",
    "invoice is required",
    "unpaid",
]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [*TOLD, *ELSEWHERE, *TOO_BUSY, *OF_THE_KEY, *OF_THE_SERVER, *((words, None) for words in OTHER)],
)
def test_what_the_words_say_of_the_account(words: str, trouble: AccountTrouble | None) -> None:
    assert account_trouble("http_400", words) is trouble


@pytest.mark.parametrize("shape", ["message", "code"])
@pytest.mark.parametrize("words", ["AccountDisabled", "accountSuspended", "QuotaExceeded", "SubscriptionExpired"])
def test_a_code_in_camel_case_is_understood_though_its_words_are_masked(words: str, shape: str) -> None:
    body = orjson.dumps({"success": False, "error": {shape: words}})
    verdict = judge(Answer(400, {}, body), events=3)
    assert isinstance(verdict, Refused)
    assert verdict.stop_at_once
    sent = orjson.dumps({"events": [{"event": "x", "custom_status": words}]})
    echoed = judge(Answer(400, {}, body), events=3, sent=sent)
    assert isinstance(echoed, Refused)
    assert not echoed.stop_at_once


@pytest.mark.parametrize("words", [words for words, _ in TOLD])
def test_they_are_read_as_they_are_kept(words: str) -> None:
    """What may be kept of an answer's words holds all that this asks for."""
    body = orjson.dumps({"success": False, "message": words})
    verdict = judge(Answer(400, {}, body), events=3)
    assert isinstance(verdict, Refused)
    assert verdict.stop is not None
    assert words in verdict.stop.error.message


def test_a_row_s_own_text_stops_nothing() -> None:
    """An answer that echoes what was sent speaks of the row."""
    sent = orjson.dumps({"events": [{"event": "x", "custom_status": "account suspended"}]})
    body = orjson.dumps({"success": False, "message": "account suspended is no status"})
    verdict = judge(Answer(400, {}, body), events=1, sent=sent)
    assert isinstance(verdict, Refused)
    assert verdict.stop is None


@pytest.mark.parametrize("status", [200, 400, 403, 422])
@pytest.mark.parametrize("words", [words for words, _ in TOO_BUSY])
def test_an_api_that_is_too_busy_is_asked_again_later(words: str, status: int) -> None:
    """Halving would ask it more often, and bury events of which nothing is wrong."""
    verdict = judge(Answer(status, {}, orjson.dumps({"success": False, "errors": [words]})), events=3)
    assert isinstance(verdict, TryAgain)
    assert (verdict.throttled, verdict.may_be_event) == (True, False)
    sent = orjson.dumps({"events": [{"event": "x", "custom_status": words}]})
    echoed = judge(Answer(400, {}, orjson.dumps({"errors": [words]})), events=3, sent=sent)
    assert isinstance(echoed, Refused)
    assert echoed.stop is None
