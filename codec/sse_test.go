package codec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// readEvents reads a stream that comes in pieces of size bytes.
func readEvents(stream string, size, most int) (got []string, r EventReader, err error) {
	r.Max = most
	var buf []byte
	var e Event
	for from := 0; from < len(stream); from += size {
		buf = append(buf, stream[from:min(from+size, len(stream))]...)
		for {
			n, ok, err := r.Next(buf, &e)
			buf = buf[n:]
			if err != nil {
				return got, r, err
			}
			if !ok {
				break
			}
			got = append(got, fmt.Sprintf("%s|%s|%s", e.ID, e.Type, e.Data))
		}
	}
	return got, r, nil
}

func TestAppendEvent(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	f(AppendEvent(nil, "", "", []byte("{}")), "data: {}\n\n")
	f(AppendEvent(nil, "7", "message", []byte("{}")), "event: message\nid: 7\ndata: {}\n\n")
	f(AppendEvent(nil, []byte("7"), nil, nil), "id: 7\ndata: \n\n")
	f(AppendEvent(nil, "a\nb\x00\r", "x\r\ny", nil), "event: xy\nid: ab\ndata: \n\n")
	f(AppendEvent(nil, "", "", []byte("a\nb\r\nc\rd\n")),
		"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n")
	f(AppendEvent(nil, "", "", []byte("x\n\ndata: forged\n\n")),
		"data: x\ndata: \ndata: data: forged\ndata: \ndata: \n\n")
	f(AppendComment(nil, "keep\nalive"), ": keepalive\n\n")
	f(AppendRetry(nil, 5*time.Second), "retry: 5000\n")
	f(AppendRetry(nil, -time.Second), "retry: 0\n")
}

func TestEventReader(t *testing.T) {
	f := func(stream string, want ...string) {
		t.Helper()
		for _, size := range []int{1, 2, 3, len(stream)} {
			got, _, err := readEvents(stream, size, 0)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q by %d: got %q, %v; want %q", stream, size, got, err, want)
			}
		}
	}
	f("data: a\n\n", "||a")
	f("data:a\r\n\r\n", "||a")
	f("data: a\r\rdata: b\r\r", "||a", "||b")
	f("data: a\r\n\ndata: b\n\r\n", "||a", "||b")
	f("\ufeffdata: a\n\n", "||a")
	f("\ufeff\ufeffdata: a\n\ndata: b\n\n", "||b")
	f("data: a\ndata:  b\ndata\n\n", "||a\n b\n")
	f("data\n\n", "||")
	f("data:\n\n", "||")
	f("event: x\ndata: a\n\ndata: b\n\n", "|x|a", "||b")
	f("event: x\n\ndata: b\n\n", "||b")
	f("id: 1\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n", "1||a", "1||b", "||c")
	f("id: 1\n\ndata: b\n\n", "1||b")
	f("id: 1\nid: 2\x003\ndata: b\n\n", "1||b")
	f(": comment\n:\n\n\ndata: a: b\n\n", "||a: b")
	f("unknown: x\nDATA: y\ndata : z\n\ndata: a\n\n", "||a")
	f("data: never ended\n")
	f("\xef\xbbdata: a\n\n")
	f("id: X\nretry: 5000\ndata: \n\n", "X||")
}

func TestEventReaderRetry(t *testing.T) {
	f := func(value string, want time.Duration) {
		t.Helper()
		_, r, err := readEvents("retry:"+value+"\n", 1, 0)
		if err != nil || r.Retry != want {
			t.Errorf("retry %q: %v, %v; want %v", value, r.Retry, err, want)
		}
	}
	f(" 5000", 5*time.Second)
	f("0", 0)
	f("-1", 0)
	f("1e3", 0)
	f("99999999999999999999", 0)
	f("999999999999", retryMax)
}

func TestEventReaderLimits(t *testing.T) {
	f := func(stream string, most int, want error) {
		t.Helper()
		for _, size := range []int{1, len(stream)} {
			if _, _, err := readEvents(stream, size, most); !errors.Is(err, want) {
				t.Errorf("%.20q by %d: %v; want %v", stream, size, err, want)
			}
		}
	}
	f("data: "+strings.Repeat("a", 94)+"\n\n", 100, nil)
	f("data: "+strings.Repeat("a", 95)+"\n\n", 100, ErrEventTooLong)
	f(strings.Repeat("a", 101), 100, ErrEventTooLong)
	f(strings.Repeat("data: a\n", 15), 100, ErrEventTooLong)
	f(strings.Repeat(": comment\n", 1000)+"data: a\n\n", 100, nil)
	f(strings.Repeat("data: a\n\n", 1000), 100, nil)
	f("data: "+strings.Repeat("a", 4<<20)+"\n\n", 4<<20+6, nil)
}
