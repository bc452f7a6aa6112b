package client

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOversize: the id is found wherever it stands, in whatever parts the message comes.
func TestOversize(t *testing.T) {
	f := func(message string, state oversizeState, id string) {
		t.Helper()
		for _, step := range []int{1, 2, 3, 7, len(message)} {
			o := oversize{state: oversizeSeeking}
			for i := 0; i < len(message); i += step {
				o.feed([]byte(message[i:min(i+step, len(message))]))
			}
			if o.state != state || state == oversizeFound && string(o.word[:o.length]) != id {
				t.Errorf("%s in steps of %d: got state %d, id %.16s; want %d, %s", message, step,
					o.state, o.word[:], state, id)
			}
		}
	}
	found := func(message, id string) { t.Helper(); f(message, oversizeFound, id) }
	found(`{"jsonrpc":"2.0","id":1048577,"result":{"x":"`, "1048577")
	found(`{"jsonrpc":"2.0","result":{"id":7,"x":["{\"id\":8}"]},"id":1048577}`, "1048577")
	found(`{ "result" : {"a":"\\\\\"}"} , "id" : 5.0 }`, "5.0")
	found(`{"result":"\\","id":5}`, "5")
	found(`{"result":"\\\"id\":7,","id":5}`, "5")
	found(`{"result":[[{"id":7}],{}],"x":"id","id":5,"y":1}`, "5")
	found(`{"error":{"code":1},"id":null}`, "null")
	f(`{"jsonrpc":"2.0","method":"notifications/message","params":{"id":7}}`, oversizeForeign, "")
	f(`{"result":{"id":7},"id":"`+strings.Repeat("9", 30), oversizeSeeking, "")
	f(`{"result":"{\"id\":7,`, oversizeSeeking, "")
	f(`{"id":12345678901234567890,"result":1}`, oversizeForeign, "")
}

// TestOversizeOfTheOnlyCall: an answer that names no call belongs to the one there is, something
// else to nobody. It is known at the end of it.
func TestOversizeOfTheOnlyCall(t *testing.T) {
	f := func(message string, calls int, whole, want bool) {
		t.Helper()
		tab := table{max: 2}
		for range calls {
			if _, err := tab.put(&Call{}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		o := oversize{state: oversizeSeeking}
		o.feed([]byte(message))
		if got := o.call(&tab, whole) != nil; got != want {
			t.Errorf("%s, %d calls: taken %v, want %v", message, calls, got, want)
		}
	}
	f(`{"jsonrpc":"2.0","result":{}}`, 1, true, true)
	f(`{"jsonrpc":"2.0","result":{}}`, 1, false, false)
	f(`{"jsonrpc":"2.0","result":{`, 1, true, false)
	f(`{"jsonrpc":"2.0","result":{},"id":7}`, 1, true, false)
	f(`{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}`, 1, true, false)
	f(`{"jsonrpc":"2.0","result":{}}`, 2, true, false)
	f(`{"jsonrpc":"2.0","method":"x","result":{}}`, 1, true, false)
	f(`{"jsonrpc":"2.0","params":{"result":1}}`, 1, true, false)
}

// TestOversizeLate: an abandoned call is one no more when its answer comes, too large or not.
func TestOversizeLate(t *testing.T) {
	tab := table{max: 2}
	c := &Call{Method: "tools/call"}
	id, err := tab.put(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := tab.abandon(id, 0); got != c || len(tab.abandoned) != 1 {
		t.Fatalf("%d calls were abandoned, want one", len(tab.abandoned))
	}
	o := oversize{state: oversizeSeeking}
	o.feed(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"result":{`, id))
	if got := o.call(&tab, false); got != nil || len(tab.abandoned) != 0 {
		t.Errorf("%d calls are abandoned, want none", len(tab.abandoned))
	}
}

// TestOversizeEndsItsPost: over HTTP+SSE what is left of the POST gets no more time than usual,
// also when the answer names no call.
func TestOversizeEndsItsPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, message := range []string{`{"id":%d,"result":{}}`, `{"result":{}}`} {
			tab, ended := table{max: 2}, make(chan struct{})
			j := &job{posts: &httpPool{}}
			j.expiry = time.AfterFunc(time.Hour, func() { close(ended) })
			id, err := tab.put(&Call{}, j, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := oversize{state: oversizeSeeking}
			o.feed([]byte(strings.Replace(message, "%d", strconv.FormatUint(id, 10), 1)))
			begin := time.Now()
			o.call(&tab, true)
			if <-ended; time.Since(begin) != streamLinger {
				t.Errorf("%s: the POST ended after %v", message, time.Since(begin))
			}
		}
	})
}
