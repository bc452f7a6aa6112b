package client_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mcploop/mcploop/client"
)

// exampleFront speaks TLS before the example server. Its authority is known to nobody.
func exampleFront() (front *httptest.Server, stop func()) {
	behind, stopBehind := exampleServer()
	target, err := url.Parse(behind)
	if err != nil {
		panic(err)
	}
	front = httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(
		&url.URL{Scheme: target.Scheme, Host: target.Host}))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	return front, func() {
		front.Close()
		stopBehind()
	}
}

// A server of your own authority: name its file, and the name that its certificate has.
func ExampleTLS() {
	front, stop := exampleFront()
	defer stop()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	authority := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.Connect(context.Background(), client.Options{
		URL: front.URL + "/mcp",
		TLS: client.TLS{CAFile: authority, ServerName: "example.com", MinVersion: "1.3"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.ServerInfo().Name)
	// Output: example
}

// What is wrong with a certificate can be told apart, and is said in words.
func ExampleTLSError() {
	front, stop := exampleFront()
	defer stop()
	_, err := client.Connect(context.Background(), client.Options{URL: front.URL + "/mcp"})
	var insecure *client.TLSError
	if errors.As(err, &insecure) {
		fmt.Println(insecure.Reason)
	}
	// Output: unknown_authority
}
