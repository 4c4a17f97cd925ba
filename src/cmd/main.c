// main.c: finds the command and runs it.
#include <stdio.h>

#include "imloom/imloom.h"

int main(void)
{
    (void)fputs("imloom " IML_VERSION "\n", stdout);
    return 0;
}
