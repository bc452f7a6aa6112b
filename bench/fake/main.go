package fake

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Serve lets a test binary be a server: with the arguments "fake-stdio" over standard input and
// output (and the name of a Fault: with that), with "fake-lines" and an address over TCP. It
// reports whether args asked for one, and returns when that has ended. TestMain calls it first.
func Serve(args []string) bool {
	switch {
	case len(args) > 0 && args[0] == "fake-stdio":
		ServeLines(os.Stdin, os.Stdout, Fault(strings.Join(args[1:], " ")))
	case len(args) == 2 && args[0] == "fake-lines":
		ln, err := net.Listen("tcp", args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ServeListener(ln, nil)
	default:
		return false
	}
	return true
}
