package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// key signs what proves who this client is (RFC 7523, private_key_jwt).
type key struct {
	private crypto.PrivateKey
	method  jwt.SigningMethod
	id      string // "kid"; "" for none
}

// parseKey reads a private key in PEM.
func parseKey(pem []byte, id string) (*key, error) {
	if k, err := jwt.ParseECPrivateKeyFromPEM(pem); err == nil {
		return ecKey(k, id)
	}
	if k, err := jwt.ParseRSAPrivateKeyFromPEM(pem); err == nil {
		if k.N.BitLen() < 2048 {
			return nil, fmt.Errorf("cannot use Options.PrivateKey: it has %d bits; 2048 are the "+
				"least", k.N.BitLen())
		}
		return &key{k, jwt.SigningMethodRS256, id}, nil
	}
	if k, err := jwt.ParseEdPrivateKeyFromPEM(pem); err == nil {
		if k, ok := k.(ed25519.PrivateKey); ok {
			return &key{k, jwt.SigningMethodEdDSA, id}, nil
		}
	}
	return nil, errors.New("cannot use Options.PrivateKey: it is no RSA, EC or Ed25519 key in PEM")
}

func ecKey(k *ecdsa.PrivateKey, id string) (*key, error) {
	switch k.Curve.Params().BitSize {
	case 256:
		return &key{k, jwt.SigningMethodES256, id}, nil
	case 384:
		return &key{k, jwt.SigningMethodES384, id}, nil
	case 521:
		return &key{k, jwt.SigningMethodES512, id}, nil
	}
	return nil, errors.New("cannot use Options.PrivateKey: its curve is none of JWT's")
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionAge is how long an assertion may be used.
const assertionAge = time.Minute

// assert signs that this is client, for as alone (draft-ietf-oauth-rfc7523bis: the audience is
// the issuer).
func (k *key) assert(client string, as *issuer) (string, error) {
	if len(as.Algorithms) > 0 && !slices.Contains(as.Algorithms, k.method.Alg()) {
		return "", fmt.Errorf("cannot prove to %q who this client is: Options.PrivateKey signs by "+
			"%s, and it takes %.200q", as.Issuer, k.method.Alg(), as.Algorithms)
	}
	now := time.Now()
	t := jwt.NewWithClaims(k.method, jwt.MapClaims{
		"iss": client, "sub": client, "aud": as.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionAge).Unix(),
	})
	if k.id != "" {
		t.Header["kid"] = k.id
	}
	signed, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("cannot sign with Options.PrivateKey: %w", err)
	}
	return signed, nil
}
