package fake

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// FaultAt is the answer that a Fault spoils first: the connections are in the midst of their work.
const FaultAt = 20

var (
	idOf   = regexp.MustCompile(`"id":(\d+)`)
	textOf = regexp.MustCompile(`"text":"([^"]*)"`)
)

// Fault returns a Spoiler that does what the name says to one answer, nil when there is none of
// that name. Each has a state of its own.
func Fault(name string) Spoiler {
	once := func(spoil func(answer string) string) Spoiler {
		return func(n int64, answer string) string {
			if n != FaultAt {
				return answer
			}
			return spoil(answer)
		}
	}
	switch name {
	case "drop":
		return once(func(string) string { return Cut })
	case "mute":
		return func(n int64, answer string) string {
			if n >= FaultAt {
				return Cut
			}
			return answer
		}
	case "double":
		return once(func(a string) string { return a + "\n" + a })
	case "reword":
		return once(func(a string) string { return strings.Replace(a, `"text":"`, `"text":"9`, 1) })
	case "truncate":
		return once(func(a string) string { return a[:len(a)-10] + Cut })
	case "close":
		return once(func(string) string { return "" })
	case "fail", "refuse":
		return refuseSome(name == "fail")
	case "notify":
		return func(_ int64, a string) string {
			return `{"jsonrpc":"2.0","method":"notifications/message"}` + "\n" + a
		}
	}
	if how, ok := swaps[name]; ok {
		return swap(how)
	}
	if what, ok := strings.CutPrefix(name, "turn "); ok {
		return Turn(what)
	}
	return nil
}

// FaultNames returns the names that Fault knows, sorted.
func FaultNames() []string {
	names := slices.AppendSeq([]string{
		"drop", "mute", "double", "reword", "truncate", "close", "fail", "refuse", "notify",
	}, maps.Keys(swaps))
	slices.Sort(names)
	return names
}

// refuseSome answers every third call with an error, or with a result that is one, of two kinds.
func refuseSome(object bool) Spoiler {
	return func(n int64, answer string) string {
		if n%3 != 0 {
			return answer
		}
		id := idOf.FindStringSubmatch(answer)[1]
		if !object {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"isError":true}}`, id)
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"no"}}`, id,
			-31000-n%2)
	}
}

// swaps are what two answers exchange.
var swaps = map[string]func(a, b string) (string, string){
	"swap ids":   func(a, b string) (string, string) { return exchange(idOf, a, b) },
	"swap texts": func(a, b string) (string, string) { return exchange(textOf, a, b) },
	"swap":       func(a, b string) (string, string) { return b, a },
}

func exchange(what *regexp.Regexp, a, b string) (string, string) {
	x, y := what.FindString(a), what.FindString(b)
	return strings.Replace(a, x, y, 1), strings.Replace(b, y, x, 1)
}

// swap lets the answer wait for the next one, of whatever connection, and exchanges what how says.
// It needs two calls in flight.
func swap(how func(a, b string) (string, string)) Spoiler {
	var mu sync.Mutex
	first, second := make(chan string, 1), make(chan string, 1)
	waits := 0
	return func(n int64, answer string) string {
		mu.Lock()
		turn := waits
		if n >= FaultAt && waits < 2 {
			waits++
		}
		mu.Unlock()
		switch {
		case n < FaultAt || turn >= 2:
			return answer
		case turn == 0:
			first <- answer
			return <-second
		}
		a, b := how(<-first, answer)
		second <- a
		return b
	}
}

// Turn gives two answers of one connection in the wrong order, or with something exchanged. It
// needs a depth of two.
func Turn(what string) Spoiler {
	how := swaps[what]
	var held string
	return func(n int64, answer string) string {
		switch n {
		case FaultAt:
			held = answer
			return Cut
		case FaultAt + 1:
			a, b := how(held, answer)
			return a + "\n" + b
		}
		return answer
	}
}
