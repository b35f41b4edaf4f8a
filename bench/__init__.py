"""Measurements that print ratios against a yardstick of the same run; they pass and fail nothing."""
