package client

import (
	"errors"
	"testing"
)

// TestTableIDs: no id comes twice, and an old one finds nothing.
func TestTableIDs(t *testing.T) {
	tab := table{max: 2}
	seen := map[uint64]bool{}
	for range 1000 {
		c := &Call{}
		id, err := tab.put(c, nil, nil)
		if err != nil || seen[id] || id != c.id || id == 0 || id >= 1<<52 {
			t.Fatalf("got id %d, %v; seen %v", id, err, seen[id])
		}
		seen[id] = true
		if got, _ := tab.take(id); got != c {
			t.Fatalf("got another call for id %d", id)
		}
		if got, _ := tab.take(id); got != nil {
			t.Fatalf("got id %d twice", id)
		}
	}
	if len(tab.slots) != 1 {
		t.Errorf("got %d slots for one call at a time", len(tab.slots))
	}
	for _, id := range []uint64{0, 1, indexMask, 1 << 40, 1<<64 - 1} {
		if got, _ := tab.take(id); got != nil {
			t.Errorf("got a call for id %d", id)
		}
	}
}

func TestTableBounds(t *testing.T) {
	tab := table{max: 2}
	first, second := &Call{}, &Call{}
	for _, c := range []*Call{first, second} {
		if _, err := tab.put(c, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tab.put(&Call{}, nil, nil); !errors.Is(err, ErrOverloaded) {
		t.Errorf("got %v, want ErrOverloaded", err)
	}
	if got, _ := tab.takeOnly(); got != nil {
		t.Error("got the only call of two")
	}
	if got, _ := tab.take(first.id); got != first {
		t.Error("did not get the first call")
	}
	if got, _ := tab.takeOnly(); got != second {
		t.Error("did not get the only call")
	}
	if _, err := tab.put(first, nil, nil); err != nil {
		t.Error(err)
	}
	if left := tab.close(ErrGone); len(left) != 1 || left[0] != first {
		t.Errorf("got %d calls left, want one", len(left))
	}
	if _, err := tab.put(first, nil, nil); !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func TestParseID(t *testing.T) {
	f := func(raw string, want uint64, ok bool) {
		t.Helper()
		if got, gotOK := parseID([]byte(raw)); got != want || gotOK != ok {
			t.Errorf("parseID(%q) = %d, %v; want %d, %v", raw, got, gotOK, want, ok)
		}
	}
	f("1048577", 1048577, true)
	f("1048577.0", 1048577, true)
	f("4503599627370495", 1<<52-1, true)
	f("", 0, false)
	f(".0", 0, false)
	f("-1", 0, false)
	f(`"1"`, 0, false)
	f("1.5", 0, false)
	f("1e3", 0, false)
	f("99999999999999999", 0, false)
}

// dial tries the next address with the same table once a link has ended: what the end closes must
// be closed before.
func TestLinkEndsItsCallsBeforeDialHears(t *testing.T) {
	m := newMux(&Options{InFlightMax: 1}, nil)
	l := newLink(m)
	told := 0
	c := &Call{Done: func(*Call, Answer) {
		told++
		select {
		case <-l.gone:
			t.Error("dial may have opened the table again, and this closes it")
		default:
		}
	}}
	if _, err := m.table.put(c, nil, nil); err != nil {
		t.Fatal(err)
	}
	if l.conclude(ErrGone); told != 1 {
		t.Errorf("the call was told %d times", told)
	}
	m.table.reopen()
	if m.isClosed() {
		t.Error("the table is closed for the next address")
	}
}
