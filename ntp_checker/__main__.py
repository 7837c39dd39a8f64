"""`python -m ntp_checker` is `ntp-checker`."""

from ntp_checker.cli import main

if __name__ == "__main__":
    main()
