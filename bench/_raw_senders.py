"""The yardstick of sending: the same mail so many times by plain smtplib, over one connection.

Takes port and number as arguments and the mail on its input.
"""

import smtplib
import sys

if __name__ == "__main__":
    port, number = int(sys.argv[1]), int(sys.argv[2])
    mail = sys.stdin.buffer.read()
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example") as server:
        for _ in range(number):
            server.sendmail("desk@clinic.example", ["ada@patients.example"], mail)
