package client

import (
	"strings"
	"testing"
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
	f(`{"id":12345678901234567890,"result":1}`, oversizeSeeking, "")
}

// TestOversizeOfTheOnlyCall: an answer belongs to the one call there is, something else to nobody.
func TestOversizeOfTheOnlyCall(t *testing.T) {
	f := func(message string, calls int, want bool) {
		t.Helper()
		tab := table{max: 2}
		for range calls {
			if _, err := tab.put(&Call{}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		o := oversize{state: oversizeSeeking}
		o.feed([]byte(message))
		if got := o.call(&tab) != nil; got != want {
			t.Errorf("%s, %d calls: taken %v, want %v", message, calls, got, want)
		}
	}
	f(`{"jsonrpc":"2.0","result":{`, 1, true)
	f(`{"jsonrpc":"2.0","result":{`, 2, false)
	f(`{"jsonrpc":"2.0","method":"x","result":{`, 1, false)
	f(`{"jsonrpc":"2.0","params":{"result":`, 1, false)
}
