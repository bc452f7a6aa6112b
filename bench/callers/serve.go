package callers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Served is what Serve says when it listens.
type Served struct {
	URL string `json:"url"`
	CA  string `json:"ca"` // PEM; "" without TLS
}

// Serve is a server of 2026-07-28 on 127.0.0.1 with one tool, echo, whose answer is always the
// same. It ends when in does.
func Serve(in io.Reader, out io.Writer, secure bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	says := Served{URL: "http://" + listener.Addr().String() + "/mcp"}
	if secure {
		cert, err := ownCertificate()
		if err != nil {
			return err
		}
		says.URL = "https" + says.URL[len("http"):]
		says.CA = string(pem.EncodeToMemory(&pem.Block{
			Type: "CERTIFICATE", Bytes: cert.Certificate[0],
		}))
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	s := &http.Server{
		Handler: http.HandlerFunc(answer), ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = s.Close()
	}()
	if err := json.NewEncoder(out).Encode(says); err != nil {
		return err
	}
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ownCertificate makes one for 127.0.0.1 that nobody has signed.
func ownCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

const (
	discovered = `{"resultType":"complete","ttlMs":0,"cacheScope":"public",` +
		`"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
	listed = `{"resultType":"complete","ttlMs":0,"cacheScope":"public",` +
		`"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
	echoed = `{"resultType":"complete","content":[{"type":"text","text":"hello"}]}`
)

func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	_, id, ok := bytes.Cut(body, []byte(`"id":`))
	if err != nil || !ok {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result := echoed
	switch r.Header.Get("Mcp-Method") {
	case "server/discover":
		result = discovered
	case "tools/list":
		result = listed
	}
	w.Header().Set("Content-Type", "application/json")
	id = id[:bytes.IndexAny(id, ",}")]
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}
