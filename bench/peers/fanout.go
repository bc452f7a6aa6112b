package main

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// serveFanOut is the floor of telling many listeners: one thread that writes the same bytes to
// every socket in a loop. It knows just enough of the protocol for bench listen: a request with
// subscriptions/listen is a listener from then on, one with tools/call tells them all.
func serveFanOut(s settings) error {
	lfd, err := listenRaw(s.addr)
	if err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot create epoll: %w", err)
	}
	if err := watch(ep, lfd); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 1024)
	buf := make([]byte, 64<<10)
	var listeners []int
	for {
		n, err := pollRaw(ep, events)
		if err != nil {
			return err
		}
		for i := range n {
			fd := int(events[i].Fd)
			if fd == lfd {
				acceptAll(ep, lfd)
				continue
			}
			k, err := unix.Read(fd, buf)
			switch {
			case k <= 0 || err != nil:
				// Its number is the next listener's, which would be told twice.
				listeners = slices.DeleteFunc(listeners, func(l int) bool { return l == fd })
				unix.Close(fd)
			case bytes.Contains(buf[:k], []byte("subscriptions/listen")):
				listeners = append(listeners, fd)
				_, _ = unix.Write(fd, acknowledged)
			case bytes.Contains(buf[:k], []byte("tools/call")):
				for _, to := range listeners {
					_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(to),
						uintptr(unsafe.Pointer(&listChanged[0])), uintptr(len(listChanged)))
				}
				_, _ = unix.Write(fd, called)
			}
		}
	}
}

// The bytes that mcploop sends, of the same length.
var (
	acknowledged = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n" + chunk(`{"jsonrpc":"2.0","method":`+
		`"notifications/subscriptions/acknowledged","params":{"_meta":{`+
		`"io.modelcontextprotocol/subscriptionId":1},"notifications":{"toolsListChanged":true}}}`))
	listChanged = []byte(chunk(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed",` +
		`"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`))
	called = []byte("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"result\":{}}")
)

func chunk(message string) string {
	event := "event: message\ndata: " + message + "\n\n"
	return fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
}
