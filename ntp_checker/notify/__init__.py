"""Channels: how a message leaves. One file each, and each owns its library."""
