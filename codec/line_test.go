package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// cut feeds stream to l in chunks of size bytes, as a conn with a carry would, and returns
// what came out: lines in brackets, "!" for a line that was too long. held is the most bytes
// that were kept between two calls.
func cut(l *Lines, stream string, size int) (out string, held int) {
	var b strings.Builder
	var carry []byte
	for len(stream) > 0 {
		k := min(size, len(stream))
		carry = append(carry, stream[:k]...)
		stream = stream[k:]
		for state := LineFrame; state != LineNeedMore; {
			var line []byte
			var n int
			line, n, state = l.Next(carry)
			switch state {
			case LineFrame:
				fmt.Fprintf(&b, "[%s]", line)
			case LineTooLong:
				b.WriteByte('!')
			}
			carry = carry[n:]
		}
		held = max(held, len(carry))
	}
	return b.String(), held
}

func TestLines(t *testing.T) {
	f := func(stream, want string) {
		t.Helper()
		for size := 1; size <= len(stream)+1; size++ {
			if got, _ := cut(&Lines{Max: 5}, stream, size); got != want {
				t.Errorf("%q by %d = %s; want %s", stream, size, got, want)
			}
		}
	}
	f("a\n", "[a]")
	f("a", "")
	f("a\nb\nc", "[a][b]")
	f("a\r\nb\r\n", "[a][b]")
	f("a\rb\n", "[a\rb]")
	f("\n\n\r\n\na\n\n", "[a]")
	f(" \n", "[ ]")
	f("12345\n", "[12345]")
	f("12345\r\n", "[12345]")
	f("123456\na\n", "![a]")
	f("123456\r\na\n", "![a]")
	f("12345\r6\na\n", "![a]")
	f("12345678901234567890\na\n123456\n\n1234567\nb\n", "![a]!![b]")
	f("1234567890", "!")
	f("12345\r", "")
}

func TestLinesPartial(t *testing.T) {
	f := func(buf string, want bool) {
		t.Helper()
		l := Lines{Max: 5}
		rest := []byte(buf)
		for state := LineFrame; state != LineNeedMore; {
			var n int
			_, n, state = l.Next(rest)
			rest = rest[n:]
		}
		if got := l.Partial(); got != want {
			t.Errorf("after %q: partial %v; want %v", buf, got, want)
		}
	}
	f("", false)
	f("a\n", false)
	f("a\nb", true)
	f("1234567", true) // the rest of it is still to come
	f("1234567\n", false)
	f("1234567\nb", true)
}

// A line above the limit is not kept, however long it is and however it comes.
func TestLinesKeepNothingOfALongLine(t *testing.T) {
	stream := strings.Repeat("x", 1<<20) + "\nok\n"
	for _, size := range []int{1, 7, 4096, 1 << 21} {
		out, held := cut(&Lines{Max: 1000}, stream, size)
		if out != "![ok]" || held > 1001 {
			t.Errorf("by %d: %s, %d bytes held; want ![ok], at most 1001", size, out, held)
		}
	}
}

// What was scanned without a newline is not scanned again: a newline put there goes unseen.
func TestLinesRememberWhatWasScanned(t *testing.T) {
	var l Lines
	buf := []byte("abcdef")
	if _, n, state := l.Next(buf); n != 0 || state != LineNeedMore {
		t.Fatalf("Next = %d, %d; want 0, LineNeedMore", n, state)
	}
	line, n, state := l.Next([]byte("abc\nefgh\n"))
	if string(line) != "abc\nefgh" || n != 9 || state != LineFrame {
		t.Errorf("Next = %q, %d, %d; the front was scanned again", line, n, state)
	}
}

func TestLinesViewCannotGrowIntoTheNext(t *testing.T) {
	var l Lines
	buf := []byte("ab\ncd\n")
	line, _, _ := l.Next(buf)
	_ = append(line, "XX"...)
	if !bytes.Equal(buf, []byte("ab\ncd\n")) {
		t.Errorf("append to a line changed the buffer: %q", buf)
	}
}

// linesOf is what cut must return, found in a plainer way.
func linesOf(stream string, lineMax int) string {
	var b strings.Builder
	parts := strings.Split(stream, "\n")
	for i, part := range parts {
		last := i == len(parts)-1
		line, cr := strings.CutSuffix(part, "\r")
		switch {
		case len(line) > lineMax, last && cr && len(part) > lineMax+1:
			b.WriteByte('!')
		case !last && line != "":
			fmt.Fprintf(&b, "[%s]", line)
		}
	}
	return b.String()
}
