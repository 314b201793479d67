"""What several methods share: a learned head, mixed statistics, the switch of test time."""
