package load

import (
	"strings"
	"testing"
)

func TestCutFrame(t *testing.T) {
	server := func(n int) string { // a server's frames are not masked
		frame := string(wsFrame([]byte(strings.Repeat("m", n))))
		head := len(frame) - n - 4
		return frame[:1] + string(frame[1]&0x7f) + frame[2:head] + frame[head+4:]
	}
	for _, n := range []int{0, 125, 126, 70_000} {
		for _, head := range []string{"", "HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"} {
			whole := head + server(n)
			for _, size := range []int{0, 1, len(head), len(head) + 1, len(whole) - 1} {
				part := []byte(whole[:min(size, len(whole)-1)])
				if _, used, err := cutFrame(part); used != 0 || err != nil {
					t.Errorf("%d of %d bytes: used %d, %v", size, len(whole), used, err)
				}
			}
			got, used, err := cutFrame([]byte(whole + "\x81"))
			if err != nil || used != len(whole) || len(got.body) != n {
				t.Errorf("%d bytes: used %d of %d, body %d, %v", n, used, len(whole),
					len(got.body), err)
			}
		}
	}
	for _, bad := range []string{
		"\x82\x02\x03\xe8",                     // binary
		"\x81\x82\x03\xe8",                     // with a mask
		"\x81\x7f" + strings.Repeat("\xff", 8), // longer than anything
		"HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		if _, _, err := cutFrame([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
