"""Which addresses a channel may talk to. Pure."""

import ipaddress
from enum import Enum
from urllib.parse import urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
#: NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Cloud metadata services that are not link-local: Azure's, which looks public, and AWS's by IPv6.
_METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "fd00:ec2::254")))


class Reach(Enum):
    """Which addresses a channel may talk to."""

    OUTWARD = "outward"  #: the public internet only
    INWARD_TOO = "inward_too"  #: loopback and private networks, too


def is_allowed(address: IpAddress, reach: Reach) -> bool:
    """Whether a channel may talk to this address.

    Link-local, multicast and unspecified addresses and cloud metadata services never: nobody's
    webhook is there.
    """
    address = _embedded(address)
    if address in _METADATA:
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if reach is Reach.INWARD_TOO:
        return True
    is_site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_reserved and not is_site_local


def find_inside(url: str, reach: Reach) -> IpAddress | None:
    """The address in the URL that is not allowed, as far as it is seen without looking a name up.

    None for any other name than `localhost`: what it leads to is checked when it is used.
    """
    try:
        host = urlsplit(url).hostname or ""
        address = _LOOPBACK if host == "localhost" else ipaddress.ip_address(host)
    except ValueError:  # a name, or no URL
        return None
    return None if is_allowed(address, reach) else address


def _embedded(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
