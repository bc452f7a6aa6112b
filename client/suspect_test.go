package client_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// asking is a server of lines that asks when it hears "ask", and answers a call late when it hears
// "late" and which.
type asking struct {
	*client.Mux
	t    *testing.T
	asks chan *client.Ask
	ids  chan string // of the calls, as they come
}

func ignore(*client.Call, client.Answer) {}

func startAsking(t *testing.T) *asking {
	s := &asking{t: t, asks: make(chan *client.Ask, 9), ids: make(chan string, 99)}
	opt := client.Options{OnRequest: func(a *client.Ask) { s.asks <- a }}
	n := 0
	s.Mux = lines(t, opt, func(w io.Writer, line, id string) {
		switch {
		case strings.Contains(line, `"tools/call"`):
			s.ids <- id
		case strings.Contains(line, `"late"`):
			_, id, _ = strings.Cut(line, `"which":`)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", strings.Trim(id, "}"))
		case strings.Contains(line, `"ask"`):
			n++
			fmt.Fprintf(w, elicitation, fmt.Sprint(n), "Name?")
		}
	})
	return s
}

// call begins a call of party.
func (s *asking) call(party string) (c *client.Call, id string) {
	s.t.Helper()
	c = &client.Call{Method: "tools/call", Party: party, Done: ignore}
	if err := s.Start(c); err != nil {
		s.t.Fatal(err)
	}
	return c, await(s.t, "the call", s.ids)
}

// wantAsked has the server ask, for one of these calls as far as it can be told.
func (s *asking) wantAsked(what string, want ...*client.Call) {
	s.t.Helper()
	if err := s.Notify("ask", nil); err != nil {
		s.t.Fatal(err)
	}
	a := await(s.t, what, s.asks)
	got := a.Among
	if a.Call != nil {
		got = append(got, a.Call)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: got %p, want one of %p", what, got, want)
	}
	if err := a.Answer([]byte("{}")); err != nil {
		s.t.Error(what, err)
	}
}

// TestAskAmong: a request that names no call is for one of those in flight if all are of one party.
// One that was given up counts until its server has answered it, or is thought to have ended it.
func TestAskAmong(t *testing.T) {
	s := startAsking(t)
	ada, _ := s.call("Ada")
	s.wantAsked("one call", ada)
	again, _ := s.call("Ada")
	s.wantAsked("two calls of one party", ada, again)
	bob, id := s.call("Bob")
	s.wantAsked("calls of two parties")
	s.Cancel(bob, context.Canceled)
	s.wantAsked("one party is left, but the other has only just given up")
	if err := s.Notify("late", []byte(`{"which":`+id+`}`)); err != nil {
		t.Fatal(err)
	}
	s.wantAsked("the other has been answered", ada, again)
	s.Cancel(again, context.Canceled)
	s.wantAsked("who gave up is of the same party", ada)

	s = startAsking(t)
	nobody, _ := s.call("")
	s.wantAsked("one call of nobody", nobody)
	second, _ := s.call("")
	s.wantAsked("two calls of nobody")
	s.Cancel(second, context.Canceled)
	s.wantAsked("whoever is nobody is not the same")
}

// TestAskAmongMany: who gives up very often is not forgotten, and costs no more memory.
func TestAskAmongMany(t *testing.T) {
	s := startAsking(t)
	var ids []string
	for range 70 {
		c, id := s.call("Bob")
		s.Cancel(c, context.Canceled)
		ids = append(ids, id)
	}
	ada, _ := s.call("Ada")
	for _, id := range ids {
		if err := s.Notify("late", []byte(`{"which":`+id+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	s.wantAsked("more were given up than is known which")
	s.Cancel(ada, context.Canceled)
}

// TestAskOfATask: a request that names a task is for the call that waits for its result, whoever
// else calls; for nobody when none does.
func TestAskOfATask(t *testing.T) {
	asks, begun := make(chan *client.Ask, 9), make(chan string, 9)
	opt := client.Options{OnRequest: func(a *client.Ask) { asks <- a }}
	m := lines(t, opt, func(w io.Writer, line, id string) {
		switch {
		case strings.Contains(line, `"tasks/result"`):
			begun <- id
		case strings.Contains(line, `"ask"`):
			_, task, _ := strings.Cut(line, `"of":`)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%[1]s,"method":"roots/list","params":{"_meta":{`+
				`"io.modelcontextprotocol/related-task":{"taskId":%[1]s}}}}`+"\n",
				strings.Trim(task, "}"))
		}
	})
	waiting := map[string]*client.Call{}
	for _, task := range []string{"t1", "t2"} {
		c := &client.Call{Method: "tasks/result", Task: task, Done: ignore}
		if err := m.Start(c); err != nil {
			t.Fatal(err)
		}
		waiting[task] = c
		await(t, "the call", begun)
	}
	for _, task := range []string{"t2", "t1", "t3"} {
		if err := m.Notify("ask", []byte(`{"of":"`+task+`"}`)); err != nil {
			t.Fatal(err)
		}
		if a := await(t, "the request", asks); a.Call != waiting[task] || a.Among != nil {
			t.Errorf("of %s: got %p, want %p", task, a.Call, waiting[task])
		}
	}
}
