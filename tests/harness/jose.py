"""Tokens and keys as RFC 7515, 7517 and 7519 have them, made by hand on python3-cryptography,
so that a test can sign what no library would."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """An asymmetric key; `curve` None makes it RSA."""

    def __init__(self, key_id, curve=ec.SECP256R1(), bits=2048):
        self.key_id = key_id
        self.private = (ec.generate_private_key(curve) if curve else
                        rsa.generate_private_key(65537, bits))

    @classmethod
    def of_jwk(cls, jwk):
        """A P-256 key with its private part."""
        key = cls.__new__(cls)
        key.key_id = jwk["kid"]
        key.private = ec.derive_private_key(int.from_bytes(unb64(jwk["d"]), "big"),
                                            ec.SECP256R1())
        return key

    @property
    def algorithm(self):
        if isinstance(self.private, rsa.RSAPrivateKey):
            return "RS256"
        return {256: "ES256", 384: "ES384", 521: "ES512"}[self.private.key_size]

    def jwk(self, **more):
        """The public key; None leaves a member out."""
        public = self.private.public_key().public_numbers()
        if isinstance(self.private, rsa.RSAPrivateKey):
            members = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
        else:
            length = (self.private.key_size + 7) // 8
            members = {"kty": "EC", "crv": f"P-{self.private.key_size}",
                       "x": number(public.x, length), "y": number(public.y, length)}
        members = {**members, "kid": self.key_id, "use": "sig", "alg": self.algorithm, **more}
        return {name: value for name, value in members.items() if value is not None}

    def sign_bytes(self, data, algorithm):
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[
            algorithm[2:]]
        if algorithm.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if algorithm.startswith("PS"):
            return self.private.sign(
                data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        length = (self.private.key_size + 7) // 8
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    def sign(self, claims, **header):
        """A token. `claims` may be bytes; None in the header leaves a member out."""
        members = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT", **header}
        return seal(members, claims, lambda data: self.sign_bytes(data, members["alg"]))


def seal(header, claims, sign):
    """A token of any header, claims and signature."""
    if isinstance(header, dict):
        header = json.dumps({name: value for name, value in header.items()
                             if value is not None}).encode()
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    data = f"{b64(header)}.{b64(payload)}"
    return f"{data}.{b64(sign(data.encode()))}"


def unsigned(claims, algorithm="none", **header):
    return seal({"alg": algorithm, **header}, claims, lambda _: b"")


def hmac_signed(claims, secret, **header):
    return seal({"alg": "HS256", **header}, claims,
                lambda data: hmac.new(secret, data, hashlib.sha256).digest())
