package gateway

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStderrLog cuts lines out of whatever pieces come, bounds each, and drops what is too many.
func TestStderrLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var count counters
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		}
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: drop}))
		w := &stderrLog{rate: &stderrRate{log: log, max: 3, count: &count}}
		put := func(text string) {
			t.Helper()
			if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		f := func(want string) {
			t.Helper()
			if out.String() != want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
			out.Reset()
		}
		put("one\r\n\n  \ntw")
		put("o\nthree")
		f("msg=\"upstream says\" text=one\nmsg=\"upstream says\" text=two\n")
		put(strings.Repeat("x", 5000))
		put("\nfour\nfive\n")
		f("msg=\"upstream says\" text=three" + strings.Repeat("x", stderrLineMax-5) + "\n")
		if got := count.unlogged.Load(); got != 2 {
			t.Errorf("%d lines were dropped, want 2", got)
		}
		<-time.After(time.Second)
		put("\xff\n")
		f("msg=\"upstream wrote too many lines\" dropped=2\nmsg=\"upstream says\" text=?\n")
		put("a\nb\nc\nd\nlast words")
		out.Reset()
		w.End()
		f("msg=\"upstream wrote too many lines\" dropped=3\n")
		put("\nmany\nthat nobody\nlooks at\n the beginning")
		<-time.After(time.Second)
		put(" of a line\n")
		f("msg=\"upstream wrote too many lines\" dropped=4\n" +
			"msg=\"upstream says\" text=\"the beginning of a line\"\n")
		<-time.After(time.Second)
		put("last words")
		w.End()
		f("msg=\"upstream says\" text=\"last words\"\n")
	})
}

// TestStderrIsReadAtAPace: who writes little is never held, who writes much waits.
func TestStderrIsReadAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stderrLog{rate: &stderrRate{log: slog.New(slog.DiscardHandler), count: &counters{}}}
		write := func(times int) time.Duration {
			began := time.Now()
			for range times {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(began)
		}
		if took := write(31); took != 0 {
			t.Errorf("little took %v", took)
		}
		if took := write(512 - 31); took != stderrSpan {
			t.Errorf("16 MiB took %v, want %v", took, stderrSpan)
		}
		if took := write(7 * 512); took != 7*stderrSpan {
			t.Errorf("the rest of 128 MiB took %v, want %v", took, 7*stderrSpan)
		}
	})
}
