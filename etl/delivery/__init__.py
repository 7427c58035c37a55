"""The pure state machine of delivery: lanes, settlement, retry, throttle and verdicts; `now` and jitter are arguments."""
