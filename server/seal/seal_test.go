package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Unix(1_800_000_000, 0)
	later = now.Add(time.Minute)
)

func ring(t testing.TB, keys ...[]byte) *Ring {
	t.Helper()
	r, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keyOf(c string) []byte { return []byte(strings.Repeat(c, KeyBytes)) }

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	r := ring(t)
	text := r.Append([]byte("x"), []byte("secret"), []byte("for me"), later)
	if text[0] != 'x' || bytes.Contains(text, []byte("secret")) {
		t.Fatalf("sealed: %s", text)
	}
	plain, err := r.Open(text[1:], []byte("for me"), now)
	if err != nil || string(plain) != "secret" {
		t.Fatalf("got %q, %v", plain, err)
	}
	again := r.Append(nil, []byte("secret"), []byte("for me"), later)
	if bytes.Equal(again, text[1:]) {
		t.Error("the same text twice")
	}
}

func TestOpenRefuses(t *testing.T) {
	r := ring(t)
	text := r.Append(nil, []byte("secret"), []byte("for me"), now)
	f := func(want error, text string, binding string, at time.Time) {
		t.Helper()
		if plain, err := r.Open([]byte(text), []byte(binding), at); !errors.Is(err, want) {
			t.Errorf("%.30q: got %q, %v; want %v", text, plain, err, want)
		}
	}
	f(nil, string(text), "for me", now)
	f(ErrExpired, string(text), "for me", now.Add(time.Second))
	f(ErrForged, string(text), "for you", now)
	f(ErrForged, string(text)+"-TAMPERED", "for me", now)
	f(ErrForged, "", "for me", now)
	f(ErrForged, "AAAA", "for me", now)
	f(ErrForged, "!", "for me", now)
	for i := range text {
		changed := bytes.Clone(text)
		if changed[i]++; changed[i] > 'z' {
			changed[i] = 'A'
		}
		f(ErrForged, string(changed), "for me", now)
	}
	for n := range text {
		f(ErrForged, string(text[:n]), "for me", now)
	}
}

func TestKeysRotate(t *testing.T) {
	old := ring(t, keyOf("a"))
	text := old.Append(nil, []byte("s"), nil, later)
	both := ring(t, keyOf("b"), keyOf("a"))
	if _, err := both.Open(text, nil, now); err != nil {
		t.Errorf("the old key is on the ring: %v", err)
	}
	if _, err := old.Open(both.Append(nil, nil, nil, later), nil, now); !errors.Is(err, ErrForged) {
		t.Errorf("the new key seals: %v", err)
	}
	if err := both.SetKeys(keyOf("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := both.Open(text, nil, now); !errors.Is(err, ErrForged) {
		t.Errorf("the old key is gone: %v", err)
	}
	if err := both.SetKeys([]byte("short")); err == nil || both.SetKeys() == nil {
		t.Error("a bad ring was taken")
	}
}

// FuzzOpen: what was not sealed with the key never opens, and nothing panics.
func FuzzOpen(f *testing.F) {
	r := ring(f, keyOf("k"))
	other := ring(f, keyOf("o"))
	f.Add(other.Append(nil, []byte("s"), nil, later))
	f.Add([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := r.Open(text, nil, now); err == nil {
			t.Fatalf("%q opened", text)
		}
	})
}
