"""The pure state machine of delivery: lanes, settlement, retry, throttle, verdicts; time and chance are arguments."""
