"""Texts that are no number of chronyc, though Python or a reader might take them for one."""

NOT_NUMBERS = [
    *("", " 1", "1 ", "1_000", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e999"),
    *("0x10", "\uff11", "٣", "1.", ".5", "1e", "--1", "1\x00", "9" * 5000, "1e-9999", "5e9999"),
]
